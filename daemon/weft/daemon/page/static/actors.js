// Actors: what runs at this moment, by kind, and who of them is busy, away or in trouble.

import { html } from "./vendor/preact-htm.js";
import { useAsk } from "./asking.js";
import { total } from "./figures.js";
import { count, duration, plural, words } from "./format.js";
import { Answer, Badge, Card, Empty, Figure, SessionLink, ThreadLink, Time } from "./parts.js";
import { link } from "./router.js";

const EVERY_MS = 2000;

function Actors() {
  return html`<h1>Actors</h1>
    <${Answer} of=${useAsk(["figures", "actors"], {}, EVERY_MS)}>${(value) => html`<${Glance} ...${value} />`}<//>`;
}

function Glance(value) {
  return html`<div class="cards">
    <${Now} ...${value} />
    <${Kinds} kinds=${value.kinds} />
    <${Busiest} sessions=${value.busiest} of=${value.operations} />
    <${Mailboxes} mailboxes=${value.mailboxes} />
    <${Away} away=${value.away} quarantines=${value.quarantines} />
    <${Gone} kinds=${value.kinds} />
    <${SlowTurns} turns=${value.long_turns} number=${total(value.kinds.map((kind) => kind.long_turns))} />
    <${DeadLetters} letters=${value.dead_letters} reasons=${value.dead_letters_by_reason} />
  </div>`;
}

const residents = (kind) => total(Object.values(kind?.resident || {}));

function Now({ kinds, queued, lag_s: lag, refused, asks, crashes }) {
  const [sessions, threads] = ["session", "thread"].map((name) => kinds.find(({ kind }) => kind === name));
  const quarantined = sessions.resident.quarantined || 0;
  return html`<section class="card wide" aria-label="Now"><div class="figures">
    <${Figure} name="sessions resident" value=${count(residents(sessions))} href=${link("sessions")} />
    <${Figure} name="threads resident" value=${count(residents(threads))} />
    <${Figure} name="with a run in progress" value=${count(threads.resident.running || 0)} />
    <${Figure} name="messages wait" value=${count(queued)} />
    ${queued > 0 && html`<${Figure} name="the oldest for" value=${duration(lag)} />`}
    <${Figure} name="commands unanswered" value=${count(asks)} />
    <${Figure} name="in quarantine" value=${count(quarantined)} tone=${quarantined ? "bad" : ""} />
    ${refused > 0 && html`<${Figure} name="messages refused" value=${count(refused)} tone="bad" />`}
    ${crashes > 0 && html`<${Figure} name="dispatcher crashes" value=${count(crashes)} tone="bad" />`}
  </div></section>`;
}

const perSecond = (rate) => (rate > 0 && rate < 0.5 ? "< 1" : count(Math.round(rate)));
const share = (part) => (part > 0 && part < 0.01 ? "< 1 %" : `${Math.round(100 * part)} %`);

/** How long mail waits and how long its turn takes, a row for each kind. */
function Kinds({ kinds }) {
  const row = ({ kind, turns_per_s: rate, busy_share: busy, wait, turn, resident }) => html`
    <tr key=${kind} data-kind=${kind}>
      <th scope="row">${kind}</th>
      <td class="number narrow-hidden">${Object.keys(resident).length ? count(total(Object.values(resident))) : "–"}</td>
      <td class="number">${perSecond(rate)}</td>
      <td class="number narrow-hidden">${share(busy)}</td>
      <td class="number narrow-hidden">${duration(wait.p50_s)}</td>
      <td class="number">${duration(wait.p99_s)}</td>
      <td class="number narrow-hidden">${duration(turn.p50_s)}</td>
      <td class="number">${duration(turn.p99_s)}</td>
      <td class="number">${duration(turn.longest_s)}</td>
    </tr>`;
  return html`<${Card} wide title="Turns by kind" aside="the last five minutes">
    <table class="table"><thead><tr>
      <th scope="col">kind</th>
      <th scope="col" class="number narrow-hidden">resident</th>
      <th scope="col" class="number">a second</th>
      <th scope="col" class="number narrow-hidden">of the time</th>
      <th scope="col" class="number narrow-hidden">wait p50</th>
      <th scope="col" class="number">wait p99</th>
      <th scope="col" class="number narrow-hidden">turn p50</th>
      <th scope="col" class="number">turn p99</th>
      <th scope="col" class="number">longest</th>
    </tr></thead><tbody>${kinds.map(row)}</tbody></table>
    <p class="quiet below">All turns share one OS thread. Times are upper ends of buckets; percentiles need a hundred turns.</p>
  <//>`;
}

/** Sessions by their share of the last operations. */
function Busiest({ sessions, of }) {
  const most = Math.max(1, ...sessions.map(({ operations }) => operations));
  const row = ({ session_id: id, operations, last_kind: kind, last_at: at }) => html`
    <tr key=${id}>
      <td class="named"><${SessionLink} id=${id} /><i class="bar" style=${{ width: `${(100 * operations) / most}%` }}></i></td>
      <td class="number">${count(operations)}</td>
      <td class="narrow-hidden"><a href=${link("operations", { session: id })}>${words(kind)}</a></td>
      <td class="number"><${Time} at=${at} /></td>
    </tr>`;
  return html`<${Card} title="Busiest sessions" aside=${`of the last ${plural(of, "operation")}`}>
    ${sessions.length === 0
      ? html`<${Empty} title="Nothing has happened">Sessions are named here by their share of the log's end.<//>`
      : html`<table class="table"><thead><tr>
          <th scope="col">session</th><th scope="col" class="number">operations</th>
          <th scope="col" class="narrow-hidden">the last</th><th scope="col" class="number">at</th>
        </tr></thead><tbody>${sessions.map(row)}</tbody></table>`}
  <//>`;
}

function Name({ kind, id }) {
  if (kind === "session") return html`<${SessionLink} id=${id} />`;
  return kind === "thread" ? html`<${ThreadLink} id=${id} name=${id} />` : html`<span class="id">${id}</span>`;
}

function Mailboxes({ mailboxes }) {
  const row = ({ kind, key: id, waiting }) => html`<tr key=${`${kind} ${id}`}>
    <td class="named"><${Name} kind=${kind} id=${id} /></td><td>${kind}</td><td class="number">${count(waiting)}</td>
  </tr>`;
  return html`<${Card} title="Deepest mailboxes" aside="at this moment">
    ${mailboxes.length === 0
      ? html`<${Empty} title="No mail waits">Every message had its turn.<//>`
      : html`<table class="table"><thead><tr>
          <th scope="col">actor</th><th scope="col">kind</th><th scope="col" class="number">messages</th>
        </tr></thead><tbody>${mailboxes.map(row)}</tbody></table>`}
  <//>`;
}

/** Sessions whose actors failed and that are left alone for a while. */
function Away({ away, quarantines }) {
  const row = ({ session_id: id, quarantined, left_s: left }) => html`<li key=${id}>
    <${Badge} of=${quarantined ? "error" : "waiting"}>${quarantined ? "quarantined" : "restarting"}<//>
    <div><${SessionLink} id=${id} /> <span class="quiet">back in ${duration(Math.ceil(left))}</span></div>
  </li>`;
  const so = quarantines ? `${plural(quarantines, "quarantine")} since the start` : null;
  return html`<${Card} title="Failed and away" aside=${so}>
    ${away.length === 0
      ? html`<${Empty} title="Nobody is away">A session whose actor fails comes back; one that keeps failing is left alone for half a minute.<//>`
      : html`<ul class="alerts">${away.map(row)}</ul>`}
  <//>`;
}

const REASONS = [["passivated", ""], ["failed", ""], ["removed", " narrow-hidden"], ["rebuilt", " narrow-hidden"]];

/** Who became resident and who left, since the start. */
function Gone({ kinds }) {
  const row = ({ kind, started, stopped, restarts }) => html`<tr key=${kind}>
    <th scope="row">${kind}</th><td class="number">${count(started)}</td>
    ${REASONS.map(([reason, hides]) => html`<td key=${reason} class=${`number${hides}`}>${count(stopped[reason] || 0)}</td>`)}
    <td class="number narrow-hidden">${count(restarts)}</td>
  </tr>`;
  const shown = kinds.filter(({ kind }) => kind === "session" || kind === "thread");
  return html`<${Card} title="Come and gone" aside="since the start">
    <table class="table"><thead><tr>
      <th scope="col">kind</th><th scope="col" class="number">woke</th>
      ${REASONS.map(([reason, hides]) => html`<th key=${reason} scope="col" class=${`number${hides}`}>${reason}</th>`)}
      <th scope="col" class="number narrow-hidden">restarts</th>
    </tr></thead><tbody>${shown.map(row)}</tbody></table>
    <p class="quiet below">Who is idle is passivated: nothing is lost, and the next message wakes it.</p>
  <//>`;
}

function SlowTurns({ turns, number }) {
  const row = ({ actor, message_type: type, at }, index) => html`<li key=${index}>
    <div><span class="id">${actor}</span><p class="quiet">${type} at <${Time} at=${at} /></p></div>
  </li>`;
  return html`<${Card} title="Slow turns" aside=${number ? `${count(number)} since the start` : null}>
    ${turns.length === 0
      ? html`<${Empty} title="None">The watchdog has reported no turn.<//>`
      : html`<ul class="alerts letters" tabindex="0" aria-label="The last slow turns">${turns.map(row)}</ul>
          <p class="quiet below">The log has the stack of each.</p>`}
  <//>`;
}

function DeadLetters({ letters, reasons }) {
  const counted = Object.entries(reasons).filter(([, number]) => number);
  const row = ({ actor, message_type: type, reason }, index) => html`<li key=${index}>
    <${Badge} of=${reason === "stopped" || reason === "shutdown" ? "idle" : "warning"}>${reason}<//>
    <div><span class="id">${actor}</span><p class="quiet">${type}</p></div>
  </li>`;
  const aside = counted.map(([reason, number]) => `${count(number)} ${reason}`).join(", ");
  return html`<${Card} title="Dead letters" aside=${aside || null}>
    ${letters.length === 0
      ? html`<${Empty} title="None">Every message was handled by somebody.<//>`
      : html`<ul class="alerts letters" tabindex="0" aria-label="The last dead letters">${letters.map(row)}</ul>`}
  <//>`;
}

export const actors = { name: "actors", title: "Actors", view: Actors };
