// LangGraph's own JavaScript client against a daemon, told by its address.
//
//   node smoke.mjs http://127.0.0.1:8123
//
// The daemon has two workflows: "add", a graph that adds one to n and doubles it, and
// "count", a function that yields {n} as often as its config's `by` says.
// Prints the names of what was done, one a line; the first failure ends it.

import assert from "node:assert/strict";
import { Client } from "@langchain/langgraph-sdk";

const client = new Client({ apiUrl: process.argv[2], callerOptions: { maxRetries: 0 } });
const { assistants, crons, threads, runs, store } = client;

async function status(promise) {
  try {
    await promise;
  } catch (error) {
    return error.status;
  }
  return 200;
}

async function collected(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

const steps = {
  async "assistants are searched, counted and found"() {
    const found = await assistants.search({ sortBy: "name" });
    const names = found.map((each) => each.name);
    assert.ok(names.includes("add") && names.includes("count"), names.join());
    assert.equal(await assistants.count(), found.length);
    const add = await assistants.get("add");
    assert.deepEqual(await assistants.get(add.assistant_id), add);
    assert.equal(await status(assistants.get("nobody")), 404);
    const drawn = await assistants.getGraph("add");
    assert.ok(drawn.nodes.some((node) => node.id === "double"));
    const schemas = await assistants.getSchemas("add");
    assert.deepEqual(Object.keys(schemas.state_schema.properties).sort(), ["log", "n"]);
    assert.equal(await status(assistants.delete("add")), 409);
  },

  async "an assistant of one's own has versions"() {
    const made = await assistants.create({
      graphId: "count",
      name: "from js",
      context: { tone: "dry" },
      metadata: { from: "js" },
    });
    const assistantId = made.assistant_id;
    assert.deepEqual(made.config, { configurable: { tone: "dry" } });
    const same = { graphId: "add", assistantId };
    assert.equal(await status(assistants.create(same)), 409);
    assert.deepEqual(await assistants.create({ ...same, ifExists: "do_nothing" }), made);
    const changed = await assistants.update(assistantId, { name: "later", metadata: { n: 2 } });
    assert.deepEqual([changed.version, changed.metadata], [2, { from: "js", n: 2 }]);
    const versions = await assistants.getVersions(assistantId, { limit: 5 });
    assert.deepEqual(versions.map((each) => each.name), ["later", "from js"]);
    assert.equal((await assistants.setLatest(assistantId, 1)).name, "from js");
    const found = await assistants.search({ metadata: { from: "js" }, select: ["name"] });
    assert.deepEqual(found, [{ name: "from js" }]);
    assert.equal(await assistants.count({ graphId: "count" }), 2);
    await assistants.delete(assistantId);
    assert.equal(await status(assistants.get(assistantId)), 404);
  },

  async "threads come, change and go"() {
    const made = await threads.create({
      threadId: "from js: any string",
      metadata: { session_id: "js", topic: "x" },
      graphId: "add",
      ttl: 60,
    });
    assert.equal(made.metadata.session_id, "js");
    const again = await threads.create({ threadId: made.thread_id, ifExists: "do_nothing" });
    assert.deepEqual(again, made);
    assert.equal(await status(threads.create({ threadId: made.thread_id })), 409);
    const changed = await threads.update(made.thread_id, { metadata: { topic: "y" } });
    assert.equal(changed.metadata.topic, "y");
    const moved = threads.update(made.thread_id, { metadata: { session_id: "other" } });
    assert.equal(await status(moved), 422);
    const found = await threads.search({ metadata: { topic: "y" }, limit: 5 });
    assert.deepEqual(found.map((each) => each.thread_id), [made.thread_id]);
    assert.equal(await threads.count({ metadata: { topic: "y" } }), 1);
    await threads.delete(made.thread_id);
    assert.equal(await status(threads.get(made.thread_id)), 404);
  },

  async "states are read, changed and gone back to"() {
    for (const [graphId, node] of [["add", "add"], ["count", undefined]]) {
      const { thread_id: threadId } = await threads.create({ graphId });
      for (const n of [1, 2]) {
        await threads.updateState(threadId, { values: { n, log: [] }, asNode: node });
      }
      const state = await threads.getState(threadId);
      assert.equal(state.values.n, 2);
      const history = await threads.getHistory(threadId, { limit: 10 });
      assert.deepEqual(history.map((each) => each.values.n), [2, 1]);
      const first = history[1].checkpoint;
      assert.deepEqual(history[0].parent_checkpoint, first);
      assert.equal((await threads.getState(threadId, first)).values.n, 1);
      assert.equal((await threads.getState(threadId, first.checkpoint_id)).values.n, 1);
      const older = await threads.getHistory(threadId, { before: history[0].checkpoint });
      assert.equal(older.length, 1);
      const copy = await threads.copy(threadId);
      assert.equal((await threads.get(copy.thread_id)).values.n, 2);
    }
  },

  async "a thread is created with its first states"() {
    const made = await threads.create({
      graphId: "count",
      supersteps: [{ updates: [{ values: { n: 4 }, asNode: "count" }] }],
    });
    assert.equal(made.values.n, 4);
  },
};

const withRuns = {
  async "a run is waited for"() {
    const { thread_id: threadId } = await threads.create();
    const values = await runs.wait(threadId, "add", { input: { n: 1, log: [] } });
    assert.equal(values.n, 4);
    assert.equal((await threads.getState(threadId)).values.n, 4);
  },

  async "a run is streamed"() {
    const { thread_id: threadId } = await threads.create();
    const events = await collected(
      runs.stream(threadId, "add", { input: { n: 1, log: [] }, streamMode: "values" }),
    );
    assert.equal(events[0].event, "metadata");
    const values = events.filter((each) => each.event === "values");
    assert.equal(values.at(-1).data.n, 4);
    const ids = events.map((each) => each.id).filter((id) => id !== undefined);
    assert.equal(new Set(ids).size, ids.length);
  },

  async "a run without a thread is streamed and leaves none"() {
    const before = await threads.count();
    const events = await collected(
      runs.stream(null, "add", { input: { n: 2, log: [] }, streamMode: ["values", "updates"] }),
    );
    assert.ok(events.some((each) => each.event === "updates"));
    const deadline = Date.now() + 5000; // the thread goes behind the last event
    while ((await threads.count()) !== before) assert.ok(Date.now() < deadline);
  },

  async "a run in the background is joined, listed and removed"() {
    const { thread_id: threadId } = await threads.create();
    const run = await runs.create(threadId, "add", { input: { n: 3, log: [] } });
    const values = await runs.join(threadId, run.run_id);
    assert.equal(values.n, 8);
    assert.equal((await runs.get(threadId, run.run_id)).status, "success");
    assert.deepEqual((await runs.list(threadId)).map((each) => each.run_id), [run.run_id]);
    await runs.delete(threadId, run.run_id);
    assert.equal(await status(runs.get(threadId, run.run_id)), 404);
  },

  async "items are put, found, listed and removed"() {
    const place = ["js", "notes"];
    await store.putItem(place, "one", { n: 1, kind: "x" }, { ttl: 60 });
    await store.putItem(place, "two", { n: 2, kind: "x" });
    const one = await store.getItem(place, "one");
    assert.deepEqual([one.namespace, one.key, one.value.n], [place, "one", 1]);
    assert.equal(one.createdAt, one.updatedAt);
    const { items } = await store.searchItems(["js"], { filter: { n: { $gt: 1 } } });
    assert.deepEqual(items.map((each) => each.key), ["two"]);
    const { namespaces } = await store.listNamespaces({ prefix: ["js"], maxDepth: 2 });
    assert.deepEqual(namespaces, [place]);
    assert.equal(await status(store.searchItems(["js"], { query: "meaning" })), 422);
    await store.deleteItem(place, "one");
    assert.equal(await store.getItem(place, "one"), null);
  },

  async "crons are created, changed, found and removed"() {
    const { thread_id: threadId } = await threads.create();
    const schedule = "0 9 * * MON-FRI";
    const alone = await crons.create("add", {
      schedule,
      input: { n: 1, log: [] },
      metadata: { from: "js" },
      onRunCompleted: "keep",
    });
    assert.deepEqual([alone.schedule, alone.on_run_completed], [schedule, "keep"]);
    const there = await crons.createForThread(threadId, "add", { schedule });
    assert.equal(there.thread_id, threadId);
    const changed = await crons.update(alone.cron_id, { enabled: false });
    assert.deepEqual([changed.enabled, changed.next_run_date], [false, null]);
    const found = await crons.search({ threadId });
    assert.deepEqual(found.map((each) => each.cron_id), [there.cron_id]);
    assert.equal(await crons.count({ assistantId: "add" }), 2);
    for (const { cron_id: cronId } of [alone, there]) await crons.delete(cronId);
    assert.equal(await status(crons.delete(alone.cron_id)), 404);
    assert.equal(await status(crons.create("add", { schedule: "often" })), 422);
  },
};

const chosen = process.argv[3] === "threads" ? steps : { ...steps, ...withRuns };
for (const [name, act] of Object.entries(chosen)) {
  try {
    await act();
  } catch (error) {
    console.error(`not so: ${name}`);
    console.error(error);
    process.exit(1);
  }
  console.log(name);
}
