// Store: how full, how fast, how far back the log goes, and when it was last saved.

import { html } from "./vendor/preact-htm.js";
import { useAsk } from "./asking.js";
import { Columns, Shares } from "./charts.js";
import { bytes, count, duration, moment, plural, words } from "./format.js";
import { Answer, Badge, Card, Empty, Figure } from "./parts.js";
import { link } from "./router.js";

const EVERY_MS = 2000;
const COLUMNS_MAX = 9;
const GROUPS_MIN = 8; // columns of the groups
const BEHIND_MAX = 10000; // commits; the alert WeftStuckReader says the same

function Store() {
  return html`<h1>Store</h1>
    <${Answer} of=${useAsk(["figures", "store"], {}, EVERY_MS)}>${(value) => html`<${Glance} ...${value} />`}<//>`;
}

function Glance(value) {
  return html`<div class="cards">
    <${Now} ...${value} />
    <${Times} title="Commits by duration" of=${value.commit}
      hint="A commit decides a group of operations and flushes it once." />
    <${Times} title="Flushes by duration" of=${value.flush}
      hint="The part of a commit in which it becomes durable: writing and fsync." />
    <${Groups} ...${value.groups} />
    <${Phases} ...${value} />
    <div class="stack">
      <${Space} ...${value} />
      <${Log} log=${value.log} kept=${value.kept} forgotten=${value.forgotten} />
      <${Saved} backup=${value.last_backup} check=${value.last_check} />
    </div>
    <${Trees} trees=${value.trees} />
  </div>`;
}

const percent = (part, whole) => (whole ? `${Number(((100 * part) / whole).toPrecision(2))} %` : "–");

function Now(value) {
  const { read_only: readOnly, oldest_reader_commits: behind } = value;
  return html`<section class="card wide" aria-label="Now"><div class="figures">
    <${Figure} name="the store is" value=${readOnly ? "read-only" : "writable"} tone=${readOnly ? "bad" : "good"} />
    <${Figure} name="on disk" value=${bytes(value.file_bytes)} />
    <${Figure} name="of its pages free" value=${percent(value.free_bytes, value.used_bytes)} />
    <${Figure} name="of the map used" value=${percent(value.used_bytes, value.map_size_bytes)} />
    <${Figure} name="left on the disk" value=${roughly(value.disk_free_bytes)} />
    <${Figure} name="operations wait" value=${count(value.queued)} />
    ${value.queued > 0 && html`<${Figure} name="the oldest for" value=${duration(value.lag_s)} />`}
    <${Figure} name="oldest reader behind" value=${plural(behind, "commit")} tone=${behind > BEHIND_MAX ? "bad" : ""} />
  </div></section>`;
}

/** Bytes with two digits: what others write on the same disk is not followed to the kilobyte. */
const roughly = (value) => (value === null ? "–" : bytes(Number(value.toPrecision(2))));

/** A histogram of durations; what is rare and short goes with the first column. */
function Times({ title, of: { span, bounds_s: bounds, counts }, hint }) {
  if (span.count === 0) {
    return html`<${Card} title=${title} aside="the last five minutes"><${Empty} title="None">${hint}<//><//>`;
  }
  const beyond = Math.max(0, counts.length - COLUMNS_MAX);
  const first = counts.slice(0, beyond + 1).reduce((sum, one) => sum + one, 0);
  const parts = [first, ...counts.slice(beyond + 1)].map((value, at) => {
    const name = duration(bounds[beyond + at]);
    return { name, value, hint: `${count(value)} below ${name}` };
  });
  const aside = span.p99_s === null
    ? `${count(span.count)}, the longest ${duration(span.longest_s)}`
    : `p50 ${duration(span.p50_s)}, p99 ${duration(span.p99_s)}`;
  return html`<${Card} title=${title} aside=${aside}>
    <${Columns} parts=${parts} label=${`${title} over five minutes: ${aside}`} />
    <p class="quiet below">${hint}</p>
  <//>`;
}

function Groups({ commits, operations, counts }) {
  const aside = commits ? `${(operations / commits).toFixed(1)} operations share a flush` : "the last five minutes";
  const places = Math.max(GROUPS_MIN, counts.length);
  const parts = Array.from({ length: places }, (_, power) => counts[power] || 0).map((value, power) => {
    const name = power === 0 ? "1" : `${2 ** power}+`;
    return { name, value, hint: `${plural(value, "commit")} of ${name} operations` };
  });
  return html`<${Card} title="Commits by group size" aside=${aside}>
    ${commits === 0
      ? html`<${Empty} title="None">Operations that come together share one flush.<//>`
      : html`<${Columns} parts=${parts} label=${`Commits by group size over five minutes: ${aside}`} />`}
  <//>`;
}

const PHASES = [["waiting", "an operation waits"], ["decide", "a group is decided"], ["flush", "it is flushed"], ["commit", "both together"]];

/** Where the time of an operation goes. */
function Phases(value) {
  const row = ([name, title]) => {
    const { p50_s: p50, p99_s: p99, longest_s: longest } = value[name].span;
    return html`<tr key=${name}><th scope="row">${title}</th>
      ${[p50, p99, longest].map((time, at) => html`<td key=${at} class="number">${duration(time)}</td>`)}</tr>`;
  };
  return html`<${Card} title="Where the time goes" aside="the last five minutes">
    <table class="table"><thead><tr><th scope="col">step</th>
      <th scope="col" class="number">p50</th><th scope="col" class="number">p99</th><th scope="col" class="number">longest</th>
    </tr></thead><tbody>${PHASES.map(row)}</tbody></table>
    <p class="quiet below">Upper ends of buckets; percentiles need a hundred.</p>
  <//>`;
}

function Space({ used_bytes: used, free_bytes: free, file_bytes: file, map_size_bytes: map }) {
  const parts = [
    ["in use", used - free, "busy"],
    ["in free pages", free, "good"],
    ["never used", Math.max(0, file - used), "still"],
  ].map(([name, value, tone]) => ({ name, value, tone, text: bytes(value) }));
  return html`<${Card} title="The file" aside=${`${bytes(file)} of a map of ${bytes(map)}`}>
    <${Shares} label="The file's bytes" parts=${parts} />
    <p class="quiet below">
      The next commits take the free pages first, but those that a reader still sees:
      one that stays open makes the file grow.
    </p>
  <//>`;
}

function Trees({ trees }) {
  const row = ({ tree, holds, entries }) => html`<tr key=${tree}>
    <th scope="row" class="mono">${tree}</th><td>${holds}</td><td class="number">${count(entries)}</td></tr>`;
  return html`<${Card} title="Entries">
    <table class="table"><thead><tr>
      <th scope="col">tree</th><th scope="col">holds</th><th scope="col" class="number">entries</th>
    </tr></thead><tbody>${trees.map(row)}</tbody></table>
  <//>`;
}

const KEPT = [
  ["operations_s", "operations"], ["tombstones_s", "tombstones of threads"],
  ["associations_s", "inactive associations"], ["runs_s", "runs that ended"],
];

function Log({ log, kept, forgotten }) {
  const since = log.first_at === null ? null : `since ${moment(log.first_at)}`;
  const keeping = ([name, what]) => html`<li key=${name}>
    ${what} <b>${kept[name] === null ? "for ever" : `for ${duration(kept[name])}`}</b></li>`;
  const gone = Object.entries(forgotten).filter(([, number]) => number);
  return html`<${Card} title="The log and what is kept" aside=${since}>
    <div class="figures">
      <${Figure} name="the first operation" value=${log.first_seq === null ? "–" : count(log.first_seq)} />
      <${Figure} name="the last" value=${count(log.last_seq)} href=${link("operations")} />
      <${Figure} name="entries, refusals too" value=${count(log.entries)} />
    </div>
    ${kept && html`<ul class="kept">${KEPT.map(keeping)}
      ${kept.operations_max !== null && html`<li>at most <b>${count(kept.operations_max)}</b> operations</li>`}
    </ul>`}
    ${gone.length > 0 && html`<p class="quiet">
      Forgotten since the start: ${gone.map(([name, number]) => `${count(number)} ${words(name)}`).join(", ")}.
    </p>`}
  <//>`;
}

/** The last backup and the last check. */
function Saved({ backup, check }) {
  const made = backup && html`<p>Backed up <b>${moment(backup.at)}</b>, at seq ${count(backup.seq)}: ${bytes(backup.size_bytes)}.</p>`;
  const looked = check && html`<p>
    <${Badge} of=${check.findings ? "error" : "success"}>${check.findings ? plural(check.findings, "finding") : "clean"}<//>
    ${" "}Checked <b>${moment(check.at)}</b>, at seq ${count(check.seq)}, in ${duration(check.duration_s)}.
  </p>`;
  return html`<${Card} title="Backup and check" aside=${html`<a href=${link("consistency")}>Check or repair</a>`}>
    ${made || html`<p><b>No backup is known.</b> <code>weft backup</code> makes one while the daemon runs.</p>`}
    ${looked || html`<p>Not checked yet since the start.</p>`}
    <p class="quiet">Whether the backup still exists, and on another machine, nobody here knows.</p>
  <//>`;
}

export const storePage = { name: "store", title: "Store", view: Store };
