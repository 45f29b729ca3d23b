// One session: what it is, its threads, what its user did, what happened to it.

import { html, useState } from "./vendor/preact-htm.js";
import { post } from "./api.js";
import { useAsk, usePages } from "./asking.js";
import { moment, plural, words } from "./format.js";
import { useFeed } from "./live.js";
import { Answer, Badge, Card, Empty, Failure, SessionLink, ThreadLink, Time, short } from "./parts.js";
import { link } from "./router.js";
import { attempt, confirm } from "./talking.js";
import { objectIn, Value } from "./work.js";

const INTERACTIONS_MAX = 1000;
const AUDIT_PAGE = 50;
const FRESH_MAX = 500;
const OF_RUNS = new Set(["StartRun", "AppendState", "FinishRun", "ResumeRun", "RetryRun", "TrackInteraction"]);

/** What stands beside the tree: the session of this id. */
export function Session({ id, query }) {
  const session = useAsk(["sessions", id]);
  const threads = useAsk(["sessions", id, "threads"]);
  const rows = useAsk(["sessions", id, "associations"], { active_only: false });
  const interactions = useAsk(["sessions", id, "interactions"], { limit: INTERACTIONS_MAX });
  const [audit, hear] = useAudit(id);
  useFeed((operations, gap) => {
    const own = operations.filter(({ session_ids: ids }) => ids.includes(id));
    if (!gap && !own.length) return;
    const kinds = new Set(own.map(({ kind }) => kind));
    threads.reload();
    if (gap || kinds.has("TrackInteraction") || kinds.has("Batch")) interactions.reload();
    if (gap || ![...kinds].every((kind) => OF_RUNS.has(kind))) for (const one of [session, rows]) one.reload();
    hear(own, gap);
  });
  const names = new Map((rows.value?.associations || []).map((row) => [row.thread_id, row.thread_name]));
  return html`<div class="s-session">
    <p class="s-back"><a href=${link("sessions", query)}>‹ All sessions</a></p>
    <${Answer} of=${session}>${(found) => html`<${About} session=${found} />`}<//>
    ${session.value && html`
      <${Card} title="Threads" aside=${threads.value && plural(threads.value.threads.length, "thread")}>
        <${Answer} of=${threads}>${({ threads: found }) => html`<${Threads} threads=${found} />`}<//>
        ${rows.value && html`<${GivenAway} rows=${rows.value.associations} />`}
      <//>
      <${Card} title="Interactions" aside="what the user did">
        <${Answer} of=${interactions}>${({ interactions: found }) => html`<${Interactions} found=${found} names=${names} />`}<//>
      <//>
      <${Card} title="Audit" aside="newest first">
        ${audit.problem && !audit.rows.length ? html`<${Failure} problem=${audit.problem} again=${audit.reload} />` : html`<${Audit} ...${audit} id=${id} names=${names} />`}
      <//>`}
  </div>`;
}

/** What happened to a session, newest first; what happens now comes on top. */
function useAudit(id) {
  const pages = usePages(["operations"], { session_id: id, order: "desc" }, "operations", AUDIT_PAGE);
  const [fresh, setFresh] = useState([]);
  const known = new Set(pages.rows.map(({ op_id: op }) => op));
  const rows = [...fresh.filter(({ op_id: op }) => !known.has(op)), ...pages.rows];
  const hear = (own, gap) => {
    if (gap) pages.reload();
    setFresh((old) => (gap ? [] : [...[...own].reverse(), ...old].slice(0, FRESH_MAX)));
  };
  return [{ ...pages, rows }, hear];
}

function About({ session }) {
  const { session_id: id, user_id: user, status, metadata, created_at: created, updated_at: updated, rev } = session;
  const open = status === "open";
  return html`<section class="card s-about">
    <div class="w-title"><h2 class="w-name">${id}</h2><${Badge} of=${status} /></div>
    <dl class="w-facts">
      <div><dt>User</dt><dd>${user ?? "nobody"}</dd></div>
      <div><dt>Created</dt><dd>${moment(created)}</dd></div>
      <div><dt>Changed</dt><dd>${moment(updated)}</dd></div>
      <div><dt>Revision</dt><dd>${rev}</dd></div>
    </dl>
    ${Object.keys(metadata).length > 0 && html`<${Value} of=${metadata} label="Metadata" />`}
    ${open && html`<div class="w-actions">
      <button type="button" onClick=${() => addThread(id)}>New thread</button>
      <button type="button" onClick=${() => close(id)}>Close session…</button>
    </div>`}
  </section>`;
}

function Threads({ threads }) {
  if (!threads.length) return html`<${Empty} title="It has no threads" />`;
  return html`<table class="table"><thead><tr><th>Name</th><th>Status</th><th class="narrow-hidden">Workflow</th><th>Changed</th></tr></thead>
    <tbody>${threads.map((thread) => html`<tr key=${thread.thread_id}>
      <td><a href=${link("threads", thread.thread_id)}>${thread.thread_name}</a></td>
      <td><${Badge} of=${thread.status} /></td>
      <td class="narrow-hidden">${thread.workflow ?? "default"}</td>
      <td><${Time} at=${thread.updated_at} /></td>
    </tr>`)}</tbody></table>`;
}

/** The threads that it owned once: moved to another session, or removed. */
function GivenAway({ rows }) {
  const past = rows.filter((row) => !row.is_active);
  if (!past.length) return null;
  return html`<details class="s-past"><summary>${plural(past.length, "thread")} it owned before</summary>
    <table class="table"><tbody>${past.map((row) => html`<tr key=${row.association_id}>
      <td>${row.thread_name}</td><td><span class="id quiet" title=${row.thread_id}>${short(row.thread_id)}</span></td><td>until <${Time} at=${row.updated_at} /></td>
    </tr>`)}</tbody></table></details>`;
}

function Interactions({ found, names }) {
  if (!found.length) return html`<${Empty} title="Nothing was recorded">POST /sessions/…/interactions records what a user does.<//>`;
  return html`<ol class="s-did">${[...found].reverse().map((one) => html`<li key=${one.interaction_id}>
    <${Time} at=${one.timestamp} /> <b>${one.interaction_type}</b>
    ${one.thread_id !== null && html` in <${ThreadLink} id=${one.thread_id} name=${names.get(one.thread_id)} />`}
    ${one.content !== null && html`<div class="s-content">${typeof one.content === "string" ? one.content : JSON.stringify(one.content)}</div>`}
  </li>`)}</ol>`;
}

function Audit({ rows, done, loading, more, id, names }) {
  if (!rows.length) return loading ? null : html`<${Empty} title="The log has nothing of it any more" />`;
  return html`<table class="table s-audit"><thead><tr><th class="number">Seq</th><th>Operation</th><th>With</th><th>When</th></tr></thead>
    <tbody>${rows.map((one) => html`<tr key=${one.op_id}>
      <td class="number mono">${one.seq ?? "–"}</td>
      <td>${words(one.kind)} ${one.outcome === "refused" && html`<${Badge} of="refused" /> <span class="quiet">${one.error?.[1]}</span>`}</td>
      <td>${one.session_ids.filter((other) => other !== id).map((other) => html`<${SessionLink} key=${other} id=${other} /> `)}
        ${one.thread_ids.slice(0, 3).map((thread) => html`<${ThreadLink} key=${thread} id=${thread} name=${names.get(thread)} /> `)}${one.thread_ids.length > 3 && `and ${one.thread_ids.length - 3} more`}</td>
      <td><${Time} at=${one.at} /></td>
    </tr>`)}</tbody></table>
    ${!done && html`<div class="buttons"><button type="button" onClick=${more}>Older</button></div>`}`;
}

async function addThread(id) {
  const fields = [
    { name: "name", label: "Name", required: true },
    { name: "workflow", label: "Workflow (the default one if left empty)" },
    { name: "config", label: "Config, a JSON object", type: "area", placeholder: "{}" },
  ];
  const given = await confirm({ title: `New thread in ${id}`, action: "Create", fields });
  if (given === null) return;
  const { name, workflow } = given;
  await attempt(`Thread ${name} is there`, async () => {
    const thread = { name, config: objectIn(given.config), ...(workflow && { workflow }) };
    await post(["sessions", id, "threads"], { threads: [thread] });
  });
}

async function close(id) {
  const fields = [{ name: "to", label: "Move its threads to this session (they are removed if left empty)" }];
  const text = "A closed session stays closed. Threads that are removed are gone with their states and runs.";
  const given = await confirm({ title: `Close ${id}?`, text, action: "Close session", danger: true, fields });
  if (given === null) return;
  await attempt(`Session ${id} is closed`, () => post(["sessions", id, "close"], given.to ? { move_threads_to: given.to } : {}));
}
