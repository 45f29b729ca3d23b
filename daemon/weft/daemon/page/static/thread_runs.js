// A thread's runs, each as a bar: how long it waited, how long it ran, when it wrote states.

import { html } from "./vendor/preact-htm.js";
import { duration, plural } from "./format.js";
import { Answer, Badge, Card, Empty, Time, short } from "./parts.js";
import { cancel } from "./thread_actions.js";

const LEAST_MS = 1; // so that nothing is divided by nothing

export function Runs({ of, states }) {
  return html`<${Card} title="Runs" aside=${of.value && plural(of.value.runs.length, "run")}>
    <${Answer} of=${of}>${({ runs }) => runs.length ? html`<${Table} runs=${runs} states=${states} />` : html`<${Empty} title="It has not run yet" />`}<//>
  <//>`;
}

function Table({ runs, states }) {
  const spans = runs.map((run) => spanOf(run, states));
  const longestMs = Math.max(LEAST_MS, ...spans.map(({ allMs }) => allMs));
  return html`<div class="t-scroll" tabindex="0" role="region" aria-label="Runs"><table class="table t-runs">
    <thead><tr><th>Run</th><th>Status</th><th class="t-line">Timeline</th><th class="number">Took</th><th><span class="hidden">Actions</span></th></tr></thead>
    <tbody>${runs.map((run, at) => html`<tr key=${run.run_id}>
      <td><${Time} at=${run.created_at} /><div class="quiet t-how"><span class="id" title=${run.run_id}>${short(run.run_id)}</span> ${run.workflow}${run.attempt > 1 && `, attempt ${run.attempt}`}</div></td>
      <td><${Badge} of=${run.status} />${run.error && html`<div class="t-error">${run.error.type}: ${run.error.message}</div>`}</td>
      <td><${Bar} span=${spans[at]} longestMs=${longestMs} open=${run.finished_at === null} /></td>
      <td class="number">${run.finished_at === null ? "–" : duration(spans[at].allMs / 1000)}</td>
      <td>${run.finished_at === null && html`<button type="button" aria-label=${`Cancel run ${run.run_id}`} onClick=${() => cancel(run.run_id)}>Cancel</button>`}</td>
    </tr>`)}</tbody></table></div>`;
}

/** The times of a run in milliseconds since it was asked for; its states' as well. */
function spanOf(run, states) {
  const begin = Date.parse(run.created_at);
  const end = run.finished_at === null ? NaN : Date.parse(run.finished_at);
  const own = states.filter(({ run_id: id }) => id === run.run_id).map((state) => Date.parse(state.created_at) - begin);
  const waitedMs = run.attempt ? Math.max(0, Date.parse(run.started_at) - begin) : 0;
  const allMs = Number.isNaN(end) ? Math.max(LEAST_MS, waitedMs, ...own) : Math.max(LEAST_MS, end - begin);
  return { waitedMs: Math.min(waitedMs, allMs), allMs, own };
}

function Bar({ span: { waitedMs, allMs, own }, longestMs, open }) {
  const share = (ms) => `${(100 * ms) / longestMs}%`;
  const told = `waited ${duration(waitedMs / 1000)}, ran ${duration((allMs - waitedMs) / 1000)}, ${plural(own.length, "state")}`;
  return html`<div class="t-bar" role="img" aria-label=${open ? `in progress, ${plural(own.length, "state")} so far` : told} title=${told}>
    <span class="t-waited" style=${{ width: share(waitedMs) }}></span>
    <span class=${open ? "t-ran t-open" : "t-ran"} style=${{ left: share(waitedMs), width: open ? "auto" : share(Math.max(allMs - waitedMs, longestMs / 100)) }}></span>
    ${own.map((ms, n) => html`<i key=${n} style=${{ left: share(Math.min(ms, longestMs)) }}></i>`)}
  </div>`;
}
