// What can be done with a thread: each asks first, does it, and says how it went.

import { ask, post } from "./api.js";
import { go } from "./router.js";
import { attempt, confirm } from "./talking.js";
import { objectIn } from "./work.js";

export async function run({ thread_id: id, thread_name: name, workflow, config }) {
  const fields = [
    { name: "config", label: "Config of this run, a JSON object on top of the thread's", type: "area", placeholder: JSON.stringify(config) },
    { name: "workflow", label: "Workflow", placeholder: workflow ?? "default" },
  ];
  const given = await confirm({ title: `Run ${name}`, action: "Run", fields });
  if (given === null) return;
  await attempt(`A run of ${name} begins`, async () => {
    const asked = { config: objectIn(given.config), background: true, ...(given.workflow && { workflow: given.workflow }) };
    await post(["threads", id, "executions"], asked);
  });
}

export async function cancel(runId) {
  const text = "It stops at its next step. The states that it has written stay, unless they are taken back.";
  const fields = [{ name: "undo", label: "Take its states back", type: "checkbox", value: false }];
  const given = await confirm({ title: "Cancel this run?", text, action: "Cancel run", danger: true, fields });
  if (given === null) return;
  const said = ({ cancelled }) => (cancelled ? "The run was asked to stop" : "The run had ended already");
  await attempt(said, () => post(["executions", runId, "cancel"], { undo: given.undo === true }));
}

export async function rename({ thread_id: id, thread_name: name, session_id: owner }) {
  const fields = [{ name: "name", label: "New name", value: name, required: true }];
  const given = await confirm({ title: `Rename ${name}`, action: "Rename", fields });
  if (given === null || given.name === name) return;
  await attempt(`${name} is called ${given.name} now`, () => post(["threads", id, "rename"], { thread_name: given.name, session_id: owner }));
}

export async function move({ thread_id: id, thread_name: name, session_id: owner }) {
  const fields = [
    { name: "to", label: "To the session", required: true },
    { name: "create", label: "Create that session if it is missing", type: "checkbox", value: false },
    { name: "running", label: "A run in progress", value: "reject", options: [["reject", "refuses the move"], ["wait", "is waited for"], ["move", "goes along"]] },
  ];
  const text = `It belongs to ${owner} now, and to the other session afterwards: in one transaction.`;
  const given = await confirm({ title: `Move ${name}`, text, action: "Move", fields });
  if (given === null) return;
  const body = { to_session_id: given.to, from_session_id: owner, create: given.create === true, if_running: given.running };
  await attempt(`${name} belongs to ${given.to} now`, () => post(["threads", id, "transfer"], body));
}

export async function remove({ thread_id: id, thread_name: name, session_id: owner }) {
  const text = "It is gone with its states and runs; a run in progress is cancelled. This cannot be taken back.";
  const given = await confirm({ title: `Remove ${name}?`, text, action: "Remove thread", danger: true });
  if (given === null) return;
  const query = { if_running: "cancel" };
  if (await attempt(`${name} was removed`, () => ask("DELETE", ["threads", id, "record"], { query }))) go("sessions", owner);
}
