// What all pages are built of: states, cards, badges, diffs, values.

import { html } from "./vendor/preact-htm.js";
import { clock, moment } from "./format.js";
import { link } from "./router.js";

/** A card with a heading; `aside` stands at the heading's right. */
export function Card({ title, aside, wide, children }) {
  return html`<section class=${"card" + (wide ? " wide" : "")}>
    <div class="card-head"><h2>${title}</h2>${aside && html`<div class="aside">${aside}</div>`}</div>
    ${children}
  </section>`;
}

/** What stands where there is nothing: a sentence, and what to do about it. */
export function Empty({ title, children }) {
  return html`<div class="empty"><p class="empty-title">${title}</p>${children && html`<p>${children}</p>`}</div>`;
}

/** Loading, denied, offline, failed; or the children, once there is a value. */
export function Answer({ of: { value, problem, loading, reload }, children }) {
  if (value !== null && value !== undefined) return children(value);
  if (problem) return html`<${Failure} problem=${problem} again=${reload} />`;
  return loading ? html`<${Loading} />` : null;
}

export const Loading = () => html`<div class="loading" role="status"><span class="quiet">Loading…</span></div>`;

const TITLES = { 403: "This token may not see this", 404: "Not found" };

/** Why something could not be had. */
export function Failure({ problem, again }) {
  if (problem.status === 401) return html`<${Loading} />`; // the shell asks for the token
  if (problem.status === 0) return html`<${Empty} title="The daemon does not answer">It is asked again every few seconds.<//>`;
  const title = TITLES[problem.status] || "The daemon refused";
  return html`<div class="empty" role="alert">
    <p class="empty-title">${title}</p><p>${problem.message}</p>
    ${again && problem.status !== 403 && html`<button type="button" onClick=${again}>Try again</button>`}
  </div>`;
}

/** A word with a colour: idle, busy, running, success, error, open, applied, ... */
export const Badge = ({ of: word, children }) => html`<span class=${`badge is-${word}`}>${children || word}</span>`;

export const SessionLink = ({ id }) => html`<a class="id" href=${link("sessions", id)} title=${id}>${id}</a>`;
export const ThreadLink = ({ id, name }) => html`<a class="id" href=${link("threads", id)} title=${id}>${name || short(id)}</a>`;

/** The end of a generated id, which tells more than its beginning; others as they are. */
export const short = (id) => (/^[0-9a-f-]{36}$/.test(id) ? "…" + id.slice(-8) : id);

/** A moment: the time of day, with the date behind it. */
export const Time = ({ at }) => html`<time datetime=${at} title=${moment(at)}>${clock(at)}</time>`;

/** A number with its name below; `href` makes it a way to more. */
export function Figure({ name, value, tone, href }) {
  const inside = html`<b class=${tone || ""}>${value}</b><span>${name}</span>`;
  return href ? html`<a class="figure" href=${href}>${inside}</a>` : html`<div class="figure">${inside}</div>`;
}

const SIGNS = { "+": ["added", "added: "], "-": ["gone", "removed: "] };

/** Lines of a diff: { sign: "+", "-" or " ", text }. */
export function Diff({ lines, label }) {
  const line = ({ sign, text }, at) => {
    const [className, word] = SIGNS[sign] || ["", ""];
    return html`<div key=${at} class=${className}>
      <span class="sign" aria-hidden="true">${sign}</span><span class="hidden">${word}</span>${text}
    </div>`;
  };
  return html`<div class="diff" role="region" aria-label=${label} tabindex="0">${lines.map(line)}</div>`;
}
