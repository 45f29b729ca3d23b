// The shell: which page is shown, whether the daemon answers, who may look.

import { html, render, useEffect, useState } from "./vendor/preact-htm.js";
import { actors } from "./actors.js";
import { connection, epoch, forgetToken, get, hasToken, useToken } from "./api.js";
import { consistency } from "./consistency.js";
import { operations } from "./operations.js";
import { overview } from "./overview.js";
import { link, place } from "./router.js";
import { sessions } from "./sessions.js";
import { useStore } from "./store.js";
import { storePage } from "./store_page.js";
import { Field, Talking } from "./talking.js";
import { thread } from "./thread.js";

const PAGES = [overview, sessions, thread, actors, storePage, consistency, operations];
const RETRY_MS = 3000;
const WORDS = { unknown: "connecting", live: "live", offline: "offline", denied: "token needed" };

function App() {
  const { name, parts, query } = useStore(place);
  const state = useStore(connection);
  const page = PAGES.find((one) => one.name === name);
  useEffect(() => {
    document.title = `${page ? page.title : "Not found"} · Weft`;
  }, [page]);
  useEffect(() => watchOver(state), [state]);
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <${Header} page=${page} state=${state} />
    ${state === "offline" && html`<div class="banner" role="alert">
      The daemon does not answer. What you see is what it last said; the page goes on by itself.
    </div>`}
    <main id="main" tabindex="-1">
      ${state === "denied"
        ? html`<${Door} />`
        : html`<${page ? page.view : Nowhere} key=${name} parts=${parts} query=${query} />`}
    </main>
    <${Talking} />`;
}

function Header({ page, state }) {
  const lit = page && (page.under || page.name);
  const entry = ({ name, title }) => html`
    <a key=${name} href=${link(name)} aria-current=${name === lit ? "page" : null}>${title}</a>`;
  const forget = html`<button type="button" class="plain" onClick=${forgetToken}>Forget token</button>`;
  return html`<header>
    <a class="brand" href=${link("overview")}><img src="page/favicon.svg" alt="" width="24" height="24" />Weft</a>
    <nav aria-label="Pages">${PAGES.filter((one) => !one.hidden).map(entry)}</nav>
    <div class="connection">
      ${hasToken() && forget}<span class=${`dot ${state}`} role="status">${WORDS[state]}</span>
    </div>
  </header>`;
}

const Nowhere = () => html`<h1>There is no such page</h1><p><a href=${link("overview")}>To the overview</a></p>`;

/** While nobody answers, ask until somebody does. */
function watchOver(state) {
  if (state !== "offline") return undefined;
  const timer = setInterval(() => get(["info"]).catch(() => {}), RETRY_MS);
  return () => clearInterval(timer);
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

/** Asks for the token. */
function Door() {
  const [secret, setSecret] = useState("");
  const why = hasToken()
    ? "The daemon does not know this token."
    : "This daemon answers only those who have a token.";
  const enter = (event) => {
    event.preventDefault();
    useToken(secret.trim());
  };
  return html`<form class="card door" onSubmit=${enter}>
    <h1>A token, please</h1>
    <p>${why} It is kept for this tab only, and goes to this daemon only.</p>
    <${Field} name="token" label="Token" type="password" required value=${secret} set=${setSecret} />
    <div class="buttons"><button type="submit" class="primary">Look</button></div>
  </form>`;
}

epoch.subscribe(() => get(["info"]).catch(() => {}));
render(html`<${App} />`, document.getElementById("app"));
