// A thread's states, newest first, and what two of them differ in.

import { html, useMemo, useRef, useState } from "./vendor/preact-htm.js";
import { get } from "./api.js";
import { useAsk } from "./asking.js";
import { changes } from "./diff.js";
import { Answer, Card, Diff, Empty, Time, short } from "./parts.js";
import { Field } from "./talking.js";
import { readable } from "./work.js";

const NEWEST = 25; // asked for again at each change
const OLDER = 100; // asked for once

/** Return the newest states of a thread, kept fresh, and with `more` older ones as well. */
export function useHistory(id) {
  const newest = useAsk(id === null ? null : ["threads", id, "states"], { limit: NEWEST });
  const [older, setOlder] = useState([]);
  const kept = useRef([]);
  const states = useMemo(() => {
    if (newest.value === null) return null;
    const last = newest.value.states.at(-1)?.step ?? 0;
    kept.current = [...newest.value.states, ...below(last, [...kept.current, ...older])];
    return kept.current;
  }, [newest.value, older]);
  const more = async () => setOlder((await get(["threads", id, "states"], { limit: OLDER, before: states.at(-1).step })).states);
  return { ...newest, value: states, more };
}

/** The states before a step, each once, newest first. */
function below(step, states) {
  const found = new Map(states.filter((state) => state.step < step).map((state) => [state.step, state]));
  return [...found.values()].sort((one, other) => other.step - one.step);
}

export function History({ of }) {
  return html`<${Card} title="History" aside="choose a state to see what it changed" wide>
    <${Answer} of=${of}>${(states) => states.length ? html`<${Compared} states=${states} more=${of.more} />` : html`<${Empty} title="No history yet" />`}<//>
  <//>`;
}

function Compared({ states, more }) {
  const [chosen, choose] = useState({ to: null, from: null });
  const steps = states.map(({ step }) => step);
  const to = steps.includes(chosen.to) ? chosen.to : steps[0];
  const from = steps.includes(chosen.from) ? chosen.from : steps[Math.min(steps.indexOf(to) + 1, steps.length - 1)];
  const options = steps.map((step) => [String(step), `step ${step}`]);
  const of = (step) => states.find((state) => state.step === step);
  return html`<div class="t-history">
    <ol class="t-steps" aria-label="States">${states.map((state) => html`<li key=${state.state_id}>
      <button type="button" aria-pressed=${state.step === to} onClick=${() => choose({ to: state.step, from: null })}>
        <b>step ${state.step}</b> <${Time} at=${state.created_at} /> <span class="quiet id">${state.run_id === null ? "by hand" : short(state.run_id)}</span>
      </button></li>`)}
      ${states.at(-1).parent_id !== null && html`<li><button type="button" onClick=${more}>Older</button></li>`}</ol>
    <div class="t-compare">
      <div class="t-two">
        <${Field} name="from" label="From" options=${options} value=${String(from)} set=${(step) => choose({ to, from: Number(step) })} />
        <${Field} name="to" label="To" options=${options} value=${String(to)} set=${(step) => choose({ to: Number(step), from })} />
      </div>
      ${from === to
        ? html`<${Diff} lines=${lines({}, of(to).values)} label=${`State of step ${to}`} />`
        : html`<${Diff} lines=${lines(of(from).values, of(to).values)} label=${`From step ${from} to step ${to}`} />`}
    </div>
  </div>`;
}

function lines(before, after) {
  const found = changes(before, after).flatMap(({ path, kind, ...values }) => [
    ...(kind === "added" ? [] : [{ sign: "-", text: `${path}: ${readable(values.before)}` }]),
    ...(kind === "removed" ? [] : [{ sign: "+", text: `${path}: ${readable(values.after)}` }]),
  ]);
  return found.length ? found : [{ sign: " ", text: "They are the same." }];
}
