// Overview: how the daemon is, at a glance; all of it moves by itself.

import { html, useMemo, useState } from "./vendor/preact-htm.js";
import { useAsk } from "./asking.js";
import { Columns, Heatmap, Lines, Shares } from "./charts.js";
import { quantile, rates, summed, total, useFigures } from "./figures.js";
import { age, bytes, clock, count, duration, plural } from "./format.js";
import { useFeed } from "./live.js";
import { Operation } from "./operation.js";
import { Answer, Badge, Card, Empty, Figure, Time } from "./parts.js";
import { link } from "./router.js";
import { Strip } from "./strip.js";

const RECENT = 9; // operations in "happening now"
const RATE_SAMPLES = 5; // samples of "operations a second"
const PLACES_MIN = 30; // columns of the heatmap
const GROUPS_MIN = 8; // columns of the groups
const ALERTS_MS = 5000;
const CHECKS_MS = 10000;

function Overview() {
  return html`<h1 class="hidden">Overview</h1>
    <${Answer} of=${useFigures()}>${(value) => html`<${Glance} ...${value} />`}<//>`;
}

function Glance({ samples, bounds_s: bounds, interval_s: interval, present }) {
  const took = summed(samples.map(({ durations }) => durations));
  return html`<div class="cards">
    <${Now} samples=${samples} present=${present} p99=${quantile(took, bounds, 0.99)} />
    <${Rate} samples=${samples} />
    <${Latency} samples=${samples} bounds=${bounds} took=${took} interval=${interval} />
    <${States} present=${present} />
    <${Groups} samples=${samples} />
    <${Alerts} />
    <${Checks} />
    <${Latest} />
  </div>`;
}

function Now({ samples, present, p99 }) {
  const latest = samples.slice(-RATE_SAMPLES);
  const tookS = total(latest.map(({ period_s: s }) => s));
  const perSecond = tookS ? total(latest.map(({ applied }) => applied)) / tookS : 0;
  const { sessions, threads, runs, checks, inconsistencies } = present;
  const tone = inconsistencies ? "bad" : checks ? "good" : "";
  return html`<section class="card wide" aria-label="Now"><div class="figures">
    <${Figure} name="sessions" value=${count(sessions.open || 0)} href=${link("sessions")} />
    <${Figure} name="threads" value=${count(total(Object.values(threads)))} href=${link("sessions")} />
    <${Figure} name="runs in progress" value=${count((runs.running || 0) + (runs.pending || 0))} />
    <${Figure} name="operations a second" value=${count(Math.round(perSecond))} href=${link("operations")} />
    <${Figure} name="p99, five minutes" value=${duration(p99)} />
    <${Figure} name="last seq" value=${count(present.seq)} href=${link("operations")} />
    <${Figure} name="in the store" value=${bytes(present.used_bytes)} />
    <${Figure} name="inconsistencies" value=${checks ? count(inconsistencies) : "–"} tone=${tone}
      href=${link("consistency")} />
  </div></section>`;
}

function Rate({ samples }) {
  const [hovered, setHovered] = useState(null);
  const { times, applied, refused } = useMemo(() => ({
    times: samples.map(({ at }) => new Date(at) / 1000),
    applied: rates(samples, "applied"),
    refused: rates(samples, "refused"),
  }), [samples]);
  const series = [{ values: applied, colour: "--accent", fill: true }];
  if (refused.some(Boolean)) series.push({ values: refused, colour: "--bad" });
  const at = hovered !== null && hovered < samples.length ? hovered : samples.length - 1;
  const words = at < 0 ? "" : `${count(Math.round(applied[at]))} applied, ${count(Math.round(refused[at]))} refused`;
  const time = hovered !== null && at >= 0 && html`<span class="mono">${clock(samples[at].at).slice(0, 8)}</span> `;
  return html`<${Card} title="Operations per second" aside=${html`${time}${words}`}>
    <${Lines} times=${times} series=${series} onHover=${setHovered}
      label=${`Operations per second over five minutes; now ${words}`} />
  <//>`;
}

function Latency({ samples, bounds, took, interval }) {
  const columns = useMemo(() => samples.map(({ durations }) => durations), [samples]);
  const places = Math.max(PLACES_MIN, samples.length);
  const words = `p50 ${duration(quantile(took, bounds, 0.5))}, p99 ${duration(quantile(took, bounds, 0.99))}`;
  return html`<${Card} title="From submission to durable answer" aside=${words}>
    <${Heatmap} columns=${columns} bounds=${bounds} places=${places}
      label=${`How long operations took, over five minutes: ${words}`} />
    <div class="heatmap-times" aria-hidden="true"><span>${age(places * interval)} ago</span><span>now</span></div>
  <//>`;
}

const RUNS = [
  ["pending", "busy-soft"], ["running", "busy"], ["success", "good"],
  ["interrupted", "warn"], ["timeout", "still"], ["error", "bad"],
];
const THREADS = [["busy", "busy"], ["idle", "good"], ["interrupted", "warn"], ["error", "bad"]];

function States({ present }) {
  const parts = (states, counts) => states.map(([name, tone]) => ({ name, tone, value: counts[name] || 0 }));
  return html`<${Card} title="Runs by state" aside=${`${plural(present.states, "state")} kept`}>
    <${Shares} label="Runs by state" parts=${parts(RUNS, present.runs)} />
    <h2 class="between">Threads by state</h2>
    <${Shares} label="Threads by state" parts=${parts(THREADS, present.threads)} />
  <//>`;
}

function Groups({ samples }) {
  const groups = summed(samples.map((sample) => sample.groups));
  const commits = total(groups);
  const grouped = total(samples.map((sample) => sample.grouped));
  const used = Math.max(GROUPS_MIN, groups.findLastIndex(Boolean) + 1);
  const parts = groups.slice(0, used).map((value, power) => {
    const name = power === 0 ? "1" : `${2 ** power}+`;
    return { name, value, hint: `${plural(value, "commit")} of ${name} operations` };
  });
  const words = commits ? `${(grouped / commits).toFixed(1)} operations share a flush` : "no commits yet";
  return html`<${Card} title="Commits by group size" aside=${words}>
    <${Columns} parts=${parts} label=${`Commits by group size over five minutes: ${words}`} />
  <//>`;
}

function Alerts() {
  const asked = useAsk(["alerts"], {}, ALERTS_MS);
  const none = html`<${Empty} title="Nothing is wrong">No condition of the shipped alert rules holds.<//>`;
  return html`<${Card} title="Alerts that would fire" aside=${asked.value && `${asked.value.watched} watched`}>
    <${Answer} of=${asked}>${({ alerts }) => (alerts.length === 0
      ? none
      : html`<ul class="alerts">${alerts.map((one) => html`<${Alert} key=${one.name} of=${one} />`)}</ul>`)}<//>
  <//>`;
}

function Alert({ of: { name, severity, state, summary, since, runbook } }) {
  return html`<li>
    <${Badge} of=${state === "firing" ? severity : "waiting"}>${state}<//>
    <div>
      <b>${name}</b><p>${summary}</p>
      <p class="quiet">since <${Time} at=${since} />; <span class="mono">${runbook}</span></p>
    </div>
  </li>`;
}

function Checks() {
  const asked = useAsk(["checks"], {}, CHECKS_MS);
  const last = asked.value?.checks.at(-1);
  const none = html`<${Empty} title="No check yet">
    The daemon checks its store by itself; <a href=${link("consistency")}>or check it now</a>.
  <//>`;
  return html`<${Card} title="Consistency over time" aside=${last && html`last check <${Time} at=${last.finished_at} />`}>
    <${Answer} of=${asked}>${({ checks }) => (checks.length === 0 ? none : html`
      <${Strip} checks=${checks} />
      <p class="quiet">
        ${plural(last.threads, "thread")} of ${plural(last.sessions, "session")} compared in
        ${" "}${duration(last.duration_s)}, at seq ${count(last.seq)}.
        ${" "}<a href=${link("consistency")}>All checks</a>
      </p>`)}<//>
  <//>`;
}

function Latest() {
  const [rows, setRows] = useState([]);
  useFeed((operations) => setRows((old) => [...[...operations].reverse(), ...old].slice(0, RECENT)));
  const row = (one) => html`<div class="happening-row" key=${one.seq}><${Operation} of=${one} /></div>`;
  return html`<${Card} wide title="Happening now" aside=${html`<a href=${link("operations")}>All operations</a>`}>
    <div class="happening">${rows.length ? rows.map(row) : html`<p class="quiet">Quiet at the moment.</p>`}</div>
  <//>`;
}

export const overview = { name: "overview", title: "Overview", view: Overview };
