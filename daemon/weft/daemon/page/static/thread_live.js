// What the run in progress says, as it says it; it stays to be read when the run ends.

import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { changes } from "./diff.js";
import { follow } from "./live.js";
import { Badge, Card, short } from "./parts.js";
import { readable } from "./work.js";

const MODES = JSON.stringify(["values", "custom", "messages"]);
const FROM_THE_BEGINNING = "-1";
const EVENTS_MAX = 200;
const OVER = new Set(["end", "error"]);
const UNSAID = new Set(["metadata", "end"]);

export function Live({ thread: { thread_id: id, run_id: current } }) {
  const [run, setRun] = useState(current);
  useEffect(() => {
    if (current !== null) setRun(current);
  }, [current]);
  if (run === null) return null;
  return html`<${Card} title="Live" aside=${html`run <span class="id">${short(run)}</span>`}><${Stream} key=${run} thread=${id} run=${run} /><//>`;
}

function Stream({ thread, run }) {
  const [{ said }, hear] = useState({ said: [], values: {} });
  const [state, setState] = useState("connecting");
  useEffect(() => follow(["threads", thread, "runs", run, "stream"], {
    query: { stream_mode: MODES },
    lastId: FROM_THE_BEGINNING,
    ends: ({ event }) => OVER.has(event),
    onEvents: (events) => hear((old) => events.reduce(heard, old)),
    onState: setState,
  }), [thread, run]);
  return html`<p class="t-state" role="status"><${Badge} of=${state === "live" ? "running" : state}>${state === "live" ? "streaming" : state}<//></p>
    <ol class="t-live" aria-label="What the run says" tabindex="0">${[...said].reverse().map(({ key, event, text }) => html`<li key=${key}>
      <b>${event}</b><span>${text}</span>
    </li>`)}</ol>`;
}

/** What was said, and the last values, once one more event has come. */
function heard(old, { event, id, data }) {
  if (UNSAID.has(event) || (event === "gap" && !old.said.length)) return old; // who comes late has missed the beginning
  const one = { key: id || event, event, text: textOf(event, data, old.values) };
  return { said: [...old.said, one].slice(-EVENTS_MAX), values: event === "values" ? data : old.values };
}

function textOf(event, data, before) {
  if (event === "gap") return "Some of it was missed.";
  if (event === "values") return changes(before, data).map(({ path, kind, after }) => `${path}: ${kind === "removed" ? "removed" : readable(after)}`).join("\n");
  return typeof data === "string" ? data : readable(data);
}
