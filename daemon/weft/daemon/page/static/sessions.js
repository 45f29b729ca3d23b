// Sessions: search and filter, the tree of sessions and threads, one of them at its side.

import { html, useEffect, useLayoutEffect, useRef } from "./vendor/preact-htm.js";
import { post } from "./api.js";
import { moment, plural } from "./format.js";
import { List } from "./list.js";
import { Badge, Empty, Failure, Loading, short } from "./parts.js";
import { go, link, refine } from "./router.js";
import { Session } from "./session.js";
import { useSessionTree } from "./session_tree.js";
import { attempt, confirm, Field, useTyped } from "./talking.js";

const ROW_PX = 36;
const SLIDE = { duration: 450, easing: "cubic-bezier(.2, .8, .2, 1)" };
const STATUS = [["", "Open and closed"], ["open", "Open only"], ["closed", "Closed only"]];
const ORDER = [["", "In the store's order"], ["-updated_at", "Last changed first"], ["-created_at", "Newest first"], ["user_id", "By user"]];
const ORDERED_MAX = 1000; // what is sorted comes as one page

function Sessions({ parts: [chosen], query }) {
  const { search = "", status = "", sort = "" } = query;
  const wanted = { search, status, ...(search ? {} : sort && { sort, limit: ORDERED_MAX }) };
  const tree = useSessionTree(wanted);
  return html`<div class=${"toolbar" + (chosen === undefined ? "" : " s-beside")}>
      <h1>Sessions</h1>
      <${Search} value=${search} set=${(text) => refine({ ...query, search: text })} />
      <${Field} name="status" label="Status" options=${STATUS} value=${status} set=${(value) => refine({ ...query, status: value })} />
      <${Field} name="order" label="Order" options=${ORDER} value=${search ? "" : sort} set=${(value) => refine({ ...query, sort: value })} />
      <button type="button" class="primary" onClick=${create}>New session</button>
    </div>
    <div class=${"s-split" + (chosen === undefined ? "" : " s-chosen")}>
      <${Tree} ...${tree} key=${JSON.stringify(wanted)} chosen=${chosen} query=${query} />
      ${chosen !== undefined && html`<${Session} key=${chosen} id=${chosen} query=${query} />`}
    </div>`;
}

/** A field that waits until the one who types has paused. */
function Search({ value, set }) {
  const [text, setText] = useTyped(value, set);
  return html`<${Field} name="search" label="Search" type="search" placeholder="part of an id or a user" value=${text} set=${setText} />`;
}

function Tree({ rows, pages, marks, move, outdated, toggle, chosen, query }) {
  const box = useRef();
  useSlide(box, rows);
  useEffect(() => {
    if (!rows.length) pages.more(); // a search goes on where a page of it found nothing
  }, [rows.length, pages.more]);
  const onKeyDown = (event) => {
    const open = { ArrowRight: true, ArrowLeft: false }[event.key];
    const row = open === undefined ? undefined : rows[event.target.dataset.row];
    if (!row || row.thread || (row.threads !== undefined) === open) return;
    event.preventDefault();
    toggle(row.session.session_id, open);
  };
  const open = ({ session, thread }) => (thread ? go("threads", thread.thread_id) : go("sessions", session.session_id, query));
  return html`<section class="s-tree" aria-label="Sessions and threads" ref=${box} onKeyDown=${onKeyDown}>
    <p class="s-told" role="status">${told(pages, move)}
      ${outdated && html` <button type="button" class="plain" onClick=${pages.reload}>Sessions have changed: show them</button>`}</p>
    ${pages.problem && !rows.length
      ? html`<${Failure} problem=${pages.problem} again=${pages.reload} />`
      : rows.length
        ? html`<${List} rows=${rows} keyOf=${({ key }) => key} label="Sessions and their threads" height=${ROW_PX}
            more=${pages.more} complete=${pages.done} open=${open}
            row=${(row) => html`<${row.thread ? ThreadRow : SessionRow} ...${row} mark=${marks.get(row.key)} chosen=${chosen} query=${query} toggle=${toggle} />`} />`
        : pages.loading || !pages.done
          ? html`<${Loading} />`
          : html`<${Empty} title=${query.search || query.status ? "No session matches" : "There are no sessions yet"}>
              ${query.search || query.status ? "Search for less, or filter by nothing." : html`Make one here, or with <code>weft session create</code>.`}<//>`}
  </section>`;
}

function told(pages, move) {
  if (move) return html`<b>${move.name}</b> moved from <b>${move.from}</b> to <b>${move.to}</b>.`;
  if (!pages.rows.length) return "";
  return `${plural(pages.rows.length, "session")}${pages.done ? "" : " so far; scroll for more"}`;
}

function SessionRow({ session, threads, mark, chosen, query, toggle }) {
  const { session_id: id, user_id: user, status } = session;
  const open = threads !== undefined;
  return html`<div class=${`s-row ${mark || ""} ${id === chosen ? "chosen" : ""}`}>
    <button type="button" class="s-twist" tabindex="-1" aria-expanded=${open} aria-label=${`Threads of ${id}`} onClick=${() => toggle(id)}></button>
    <a class="id s-name" tabindex="-1" href=${link("sessions", id, query)} aria-current=${id === chosen ? "true" : null} title=${id}>${id}</a>
    ${user !== null && user !== id && html`<span class="quiet s-user" title=${user}>${user}</span>`}
    ${status === "closed" && html`<${Badge} of=${status} />`}
    <span class="s-end quiet">${open && plural(threads.length, "thread")}</span>
    <time class="s-when quiet narrow-hidden" datetime=${session.updated_at}>${moment(session.updated_at)}</time>
  </div>`;
}

function ThreadRow({ thread, mark }) {
  return html`<div class=${`s-row s-thread ${mark || ""}`}>
    <a class="s-name" tabindex="-1" href=${link("threads", thread.thread_id)} title=${thread.thread_id}>${thread.thread_name}</a>
    ${thread.workflow && html`<span class="quiet s-user">${thread.workflow}</span>`}
    <span class="s-end"><${Badge} of=${thread.status} /></span>
    <span class="s-when id quiet narrow-hidden">${short(thread.thread_id)}</span>
  </div>`;
}

/** Rows that have another place than before slide there, from wherever they were. */
function useSlide(box, rows) {
  const last = useRef(rows);
  useLayoutEffect(() => {
    const before = last.current;
    last.current = rows;
    if (before === rows || !before.length || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const shown = [...box.current.querySelectorAll("[data-row]")].filter(({ dataset: { row } }) => before[row]?.key !== rows[row]?.key);
    if (!shown.length) return;
    const places = new Map(before.map(({ key }, at) => [key, at]));
    for (const element of shown) {
      const [from, to] = [places.get(rows[element.dataset.row]?.key), Number(element.dataset.row)];
      if (from === undefined) element.animate([{ opacity: 0 }, { opacity: 1 }], SLIDE);
      else element.animate([{ transform: `translateY(${(from - to) * ROW_PX}px)`, zIndex: 1 }, { transform: "none", zIndex: 1 }], SLIDE);
    }
  }, [rows]);
}

async function create() {
  const fields = [
    { name: "session_id", label: "Id (generated if left empty)" },
    { name: "user_id", label: "User (nobody if left empty)" },
  ];
  const given = await confirm({ title: "New session", action: "Create", fields });
  if (given === null) return;
  let made;
  const body = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
  const work = async () => { made = await post(["sessions"], body); };
  if (await attempt(() => `Session ${made.session_id} is there`, work)) go("sessions", made.session_id);
}

export const sessions = { name: "sessions", title: "Sessions", view: Sessions };
