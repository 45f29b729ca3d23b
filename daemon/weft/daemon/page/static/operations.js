// Operations: the log in its one order, newest first, applied and refused.

import { html, useCallback, useEffect, useState } from "./vendor/preact-htm.js";
import { usePages } from "./asking.js";
import { duration, moment, plural, words } from "./format.js";
import { List } from "./list.js";
import { useFeed } from "./live.js";
import { Operation } from "./operation.js";
import { Badge, Card, Empty, Failure, Loading, SessionLink, ThreadLink } from "./parts.js";
import { place, refine } from "./router.js";
import { Field, useTyped } from "./talking.js";
import { Value } from "./work.js";

const PAGE = 300;
const COLUMNS = [
  { name: "seq", className: "number seq" },
  { name: "time", className: "when narrow-hidden" },
  { name: "operation", className: "what" },
  { name: "sessions", className: "where" },
  { name: "threads", className: "where" },
  { name: "took", className: "number took narrow-hidden" },
];

const keyOf = ({ op_id: id, seq }) => `${seq} ${id}`;

function Operations({ query }) {
  const wanted = { session_id: query.session, thread_id: query.thread };
  const log = usePages(["operations"], { ...wanted, order: "desc" }, "operations", PAGE);
  const [live, setLive] = useState(true);
  const [fresh, held, show] = useFresh(wanted, live);
  const [chosen, setChosen] = useState(null);
  const known = new Set(log.rows.slice(0, fresh.length + PAGE).map(keyOf));
  const rows = [...fresh.filter((one) => !known.has(keyOf(one))), ...log.rows];
  return html`
    <div class="toolbar"><h1>Operations</h1>
      <${Filter} name="session" label="Of session" query=${query} />
      <${Filter} name="thread" label="Of thread (its id)" query=${query} />
      <${Field} name="live" label="Live" type="checkbox" value=${live} set=${setLive} />
      ${held > 0 && html`<button type="button" onClick=${show}>Show ${plural(held, "newer one")}</button>`}
    </div>
    ${chosen && html`<${Detail} of=${chosen} close=${() => setChosen(null)} />`}
    <${Rows} log=${log} rows=${rows} open=${setChosen} filtered=${Boolean(query.session || query.thread)} />`;
}

function Rows({ log, rows, open, filtered }) {
  if (rows.length > 0) {
    return html`<${List} label="Operations, newest first" columns=${COLUMNS} rows=${rows} keyOf=${keyOf}
      row=${(one) => html`<${Operation} of=${one} />`} open=${open} more=${log.more} complete=${log.done} />`;
  }
  if (log.problem) return html`<${Failure} problem=${log.problem} again=${log.reload} />`;
  if (!log.done) return html`<${Loading} />`;
  const why = filtered ? "The log has none of these, or has forgotten them." : "Nothing has happened yet.";
  return html`<section class="card"><${Empty} title="No operations">${why}<//></section>`;
}

/**
 * Operations that came since the page was asked for, newest first.
 *
 * While it is not live they are held back: returns those shown, how many are held, and
 * a function that shows them.
 */
function useFresh({ session_id: session, thread_id: thread }, live) {
  const [{ shown, waiting }, setFresh] = useState({ shown: [], waiting: [] });
  useEffect(() => setFresh({ shown: [], waiting: [] }), [session, thread]);
  const concerns = (one) =>
    (!session || one.session_ids.includes(session)) && (!thread || one.thread_ids.includes(thread));
  useFeed((operations) => {
    const own = operations.filter(concerns).reverse();
    if (own.length === 0) return;
    setFresh((old) => {
      const all = [...own, ...old.waiting];
      return live ? { shown: [...all, ...old.shown], waiting: [] } : { ...old, waiting: all };
    });
  });
  const show = useCallback(() => {
    setFresh((old) => ({ shown: [...old.waiting, ...old.shown], waiting: [] }));
  }, []);
  return [shown, waiting.length, show];
}

/** A field that filters once its typist pauses. */
function Filter({ name, label, query }) {
  const filter = (text) => refine({ ...place.get().query, [name]: text.trim() });
  const [value, setValue] = useTyped(query[name] || "", filter);
  return html`<${Field} name=${name} label=${label} value=${value} set=${setValue} />`;
}

function Detail({ of: one, close }) {
  const title = one.seq === null ? "A refused operation" : `Operation ${one.seq}`;
  const sessions = one.session_ids.map((id) => html`<${SessionLink} key=${id} id=${id} /> `);
  const threads = one.thread_ids.map((id) => html`<${ThreadLink} key=${id} id=${id} name=${id} /> `);
  const button = html`<button type="button" class="plain" onClick=${close}>Close</button>`;
  return html`<div class="detail"><${Card} title=${title} aside=${button}>
    <p><${Badge} of=${one.outcome} /> ${words(one.kind)} at ${moment(one.at)}, in ${duration(one.duration_us / 1e6)}</p>
    <p>Idempotency key <span class="mono">${one.op_id}</span></p>
    ${sessions.length > 0 && html`<p>Sessions ${sessions}</p>`}
    ${threads.length > 0 && html`<p>Threads ${threads}</p>`}
    ${one.error !== null && html`<${Value} of=${one.error} label="Why it was refused" />`}
  <//></div>`;
}

export const operations = { name: "operations", title: "Operations", view: Operations };
