// Consistency: the last checks, what they found and what it means; repair, first as a trial.

import { html, useState } from "./vendor/preact-htm.js";
import { useAsk } from "./asking.js";
import { KINDS, byKind, repairLines } from "./findings.js";
import { count, duration, plural, words } from "./format.js";
import { report } from "./live.js";
import { Answer, Badge, Card, Diff, Empty, Figure, SessionLink, ThreadLink, Time } from "./parts.js";
import { Strip, found } from "./strip.js";
import { confirm, toast } from "./talking.js";

const CHECKS_MS = 10000;
const FINDINGS_SHOWN = 25; // of a kind, until all are asked for
const LINES_MAX = 400;

/** Of the whole store, or of the session that the address names. */
function Consistency({ query }) {
  const session = query.session || null;
  const checks = useAsk(session === null ? ["checks"] : null, {}, CHECKS_MS);
  const [looked, setLooked] = useState(null); // what a look at the session found
  const [outcome, setOutcome] = useState(null); // of the last repair or trial here
  const [progress, setProgress] = useState(null);

  const work = async (doing, path, more) => {
    setProgress({ doing, done: 0, total: 0 });
    const body = session === null ? more : { ...more, session_id: session };
    try {
      return await report([path], body, (told) => setProgress({ doing, ...told }));
    } catch (problem) {
      toast(problem.message, "bad");
      return null;
    } finally {
      setProgress(null);
      checks.reload();
    }
  };
  const check = async () => {
    const value = await work("Comparing all copies", "check", {});
    if (value === null) return;
    setLooked(value.inconsistencies);
    setOutcome(null);
    if (value.clean) toast("Everything agrees.", "good");
    else toast(`${plural(value.inconsistencies.length, "finding")}.`, "bad");
  };
  const mend = async (trial) => {
    const value = await work(trial ? "Working out the repair" : "Repairing", "repair", { dry_run: trial });
    if (value === null) return;
    setLooked(value.remaining);
    setOutcome(value);
  };
  const repair = async () => {
    const sure = await confirm({
      title: session === null ? "Repair the whole store?" : `Repair ${session}?`,
      text: "Each finding becomes an ordinary operation, which a newer truth refuses. "
        + "What is changed stands in the log.",
      action: "Repair",
    });
    if (sure) mend(false);
  };
  const busy = progress !== null;
  return html`
    <div class="toolbar">
      <h1>${session === null ? "Consistency" : `Consistency of ${session}`}</h1>
      <div class="actions">
        <button type="button" disabled=${busy} onClick=${check}>Check now</button>
        <button type="button" disabled=${busy} onClick=${() => mend(true)}>Try the repair</button>
        <button type="button" class="primary" disabled=${busy} onClick=${repair}>Repair…</button>
      </div>
    </div>
    ${busy && html`<${Progress} ...${progress} />`}
    <div class="cards">
      ${outcome && html`<${Outcome} ...${outcome} />`}
      ${session === null
        ? html`<${Checks} asked=${checks} />
            <${Answer} of=${checks}>${({ checks: all, findings, more }) => html`
              <${Findings} findings=${findings} more=${more} checked=${all.length > 0} />`}<//>`
        : html`<${Findings} findings=${looked || []} more=${0} checked=${looked !== null} />`}
    </div>`;
}

function Progress({ doing, done, total }) {
  const most = Math.max(done, total);
  return html`<section class="card progress" role="status">
    <p>${doing}… ${most > 0 && `${count(done)} of ${count(most)} entries`}</p>
    <progress max=${most || 1} value=${most ? done : undefined} aria-label=${doing}></progress>
  </section>`;
}

function Checks({ asked }) {
  const last = asked.value?.checks.at(-1);
  const time = last && html`last check <${Time} at=${last.finished_at} />`;
  const none = html`<${Empty} title="No check yet">The daemon makes one when it starts, then every hour.<//>`;
  return html`<${Card} wide title="The last checks of the whole store" aside=${time}>
    <${Answer} of=${asked}>${({ checks }) => (checks.length === 0 ? none : html`
      <${Strip} checks=${checks} /><${Last} check=${last} number=${found(last)} />`)}<//>
  <//>`;
}

function Last({ check, number }) {
  const value = number ? plural(number, "finding") : "clean";
  return html`<div class="figures">
    <${Figure} name="at the last check" value=${value} tone=${number ? "bad" : "good"} />
    <${Figure} name="sessions" value=${count(check.sessions)} />
    <${Figure} name="threads" value=${count(check.threads)} />
    <${Figure} name="took" value=${duration(check.duration_s)} />
    <${Figure} name="at seq" value=${count(check.seq)} />
  </div>`;
}

function Findings({ findings, more, checked }) {
  if (findings.length === 0) {
    const title = checked ? "Nothing to repair" : "Not checked yet";
    const text = checked && "Sessions, threads, associations and every index say the same.";
    return html`<${Card} wide title="Findings"><${Empty} title=${title}>${text}<//><//>`;
  }
  return html`<${Card} wide title="Findings" aside=${plural(findings.length + more, "finding")}>
    ${byKind(findings).map(([kind, those]) => html`<${Group} key=${kind} kind=${kind} findings=${those} />`)}
    ${more > 0 && html`<p class="quiet">and ${count(more)} more; <span class="mono">weft check</span> lists them all.</p>`}
  <//>`;
}

/** Findings of one kind: what it means, what repair does, which they are. */
function Group({ kind, findings }) {
  const [all, setAll] = useState(false);
  const [meaning, remedy] = KINDS[kind] || ["", ""];
  const shown = all ? findings : findings.slice(0, FINDINGS_SHOWN);
  const none = html`<b class="bad">There is no repair: restore a backup.</b>`;
  return html`<section class="finding">
    <h3><${Badge} of="error">${words(kind)}<//> <span class="quiet">${count(findings.length)}</span></h3>
    <p>${meaning} ${remedy ? html`<span class="quiet">${remedy}</span>` : none}</p>
    <ul>${shown.map((one, at) => html`<${Finding} key=${at} of=${one} />`)}</ul>
    ${shown.length < findings.length && html`<button type="button" class="plain" onClick=${() => setAll(true)}>
      Show all ${count(findings.length)}
    </button>`}
  </section>`;
}

function Finding({ of: { session_id: session, thread_id: thread, detail } }) {
  return html`<li>
    ${detail}
    ${session !== null && html` <${SessionLink} id=${session} />`}
    ${thread !== null && html` <${ThreadLink} id=${thread} />`}
  </li>`;
}

/** What a repair did, or would do. */
function Outcome(outcome) {
  const { dry_run: trial, issues_found: issues, rounds } = outcome;
  const title = trial ? "What the repair would do" : "What the repair did";
  const left = trial ? outcome.repairs_failed : outcome.remaining.length;
  const lines = repairLines(outcome);
  const diff = html`<${Diff} lines=${lines.slice(0, LINES_MAX)} label=${title} />`;
  return html`<${Card} wide title=${title} aside=${duration(outcome.duration_s)}>
    <div class="figures">
      <${Figure} name="found" value=${count(issues.length)} />
      <${Figure} name=${trial ? "would be mended" : "mended"} value=${count(outcome.repairs_successful)} tone="good" />
      <${Figure} name="refused by a newer truth" value=${count(outcome.repairs_refused)} />
      <${Figure} name=${trial ? "not repairable" : "left"} value=${count(left)} tone=${left ? "bad" : ""} />
      <${Figure} name=${rounds === 1 ? "round" : "rounds"} value=${count(rounds)} />
    </div>
    ${lines.length > 0 ? diff : html`<p class="quiet">There is nothing to repair.</p>`}
    ${lines.length > LINES_MAX && html`<p class="quiet">and ${count(lines.length - LINES_MAX)} lines more.</p>`}
    ${trial && html`<p class="quiet">
      Nothing was changed. Mending one thing may lay another open; a repair goes on until a check is clean.
    </p>`}
  <//>`;
}

export const consistency = { name: "consistency", title: "Consistency", view: Consistency };
