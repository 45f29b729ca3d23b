// One thread: what it is, what can be done with it, its state, runs and history.

import { html, useState } from "./vendor/preact-htm.js";
import { useAsk } from "./asking.js";
import { moment } from "./format.js";
import { useFeed } from "./live.js";
import { Answer, Badge, Card, Empty, SessionLink } from "./parts.js";
import { link } from "./router.js";
import { cancel, move, remove, rename, run } from "./thread_actions.js";
import { History, useHistory } from "./thread_history.js";
import { Live } from "./thread_live.js";
import { Runs } from "./thread_runs.js";
import { Value } from "./work.js";

const RUNS_MAX = 50;

function Thread({ parts: [id] }) {
  if (id === undefined) return html`<h1>Thread</h1><${Empty} title="Which thread?"><a href=${link("sessions")}>Choose one in a session</a><//>`;
  return html`<${One} key=${id} id=${id} />`;
}

function One({ id }) {
  const [removed, setRemoved] = useState(false);
  const thread = useAsk(removed ? null : ["threads", id, "record"]);
  const states = useHistory(removed ? null : id);
  const runs = useAsk(removed ? null : ["threads", id, "executions"], { limit: RUNS_MAX });
  const last = states.value?.[0];
  useFeed((operations, gap) => {
    const own = operations.filter(({ thread_ids: ids }) => ids.includes(id));
    if (own.at(-1)?.kind === "RemoveThreads") return setRemoved(true);
    if (gap || own.length) for (const one of [thread, states, runs]) one.reload();
  });
  if (removed) return html`<h1>Thread</h1><${Empty} title="This thread was removed"><a href=${link("sessions")}>To the sessions</a><//>`;
  return html`<${Answer} of=${thread}>${(found) => html`
    <${Head} thread=${found} />
    <div class="t-cards">
      <${Card} title="State" aside=${last && `step ${last.step}`}>
        <${Answer} of=${states}>${() => last
          ? html`<${Value} of=${last.values} label="The last state" />`
          : html`<${Empty} title="No state yet">A run writes its states here.<//>`}<//>
      <//>
      <div class="t-aside">
        <${Live} thread=${found} />
        <${Runs} of=${runs} states=${states.value || []} />
      </div>
      <${History} of=${states} />
    </div>`}<//>`;
}

function Head({ thread }) {
  const { thread_id: id, thread_name: name, session_id: owner, status, workflow, config, metadata, rev, created_at: created } = thread;
  return html`<section class="t-head">
    <p class="t-crumbs"><a href=${link("sessions")}>Sessions</a> / <${SessionLink} id=${owner} /></p>
    <div class="w-title"><h1>${name}</h1><${Badge} of=${status} /></div>
    <dl class="w-facts">
      <div><dt>Id</dt><dd class="id">${id}</dd></div>
      <div><dt>Workflow</dt><dd>${workflow ?? "default"}</dd></div>
      <div><dt>Created</dt><dd>${moment(created)}</dd></div>
      <div><dt>Revision</dt><dd>${rev}</dd></div>
    </dl>
    ${[["Config", config], ["Metadata", metadata]].map(([title, value]) => Object.keys(value).length > 0 && html`<details key=${title}><summary>${title}</summary><${Value} of=${value} label=${title} /></details>`)}
    <div class="w-actions" role="group" aria-label="Actions">
      <button type="button" class="primary" onClick=${() => run(thread)}>Run…</button>
      ${thread.run_id !== null && html`<button type="button" onClick=${() => cancel(thread.run_id)}>Cancel run…</button>`}
      <button type="button" onClick=${() => rename(thread)}>Rename…</button>
      <button type="button" onClick=${() => move(thread)}>Move…</button>
      <button type="button" class="w-danger" onClick=${() => remove(thread)}>Remove…</button>
    </div>
  </section>`;
}

export const thread = { name: "threads", title: "Thread", view: Thread, hidden: true, under: "sessions" };
