// The third version of the streaming protocol, as LangGraph's own JavaScript clients
// speak it: a thread's stream over both transports, and the controller that is under
// the hooks of the frameworks (useStream and its like), without a browser.
//
//   node threads.mjs http://127.0.0.1:8123
//
// The daemon has three graphs: "add" adds one to n and doubles it, "ask" adds one and
// waits for an answer, "talk" has a model say "Hello to you.".
// Prints the names of what was done, one a line; the first failure ends it.

import assert from "node:assert/strict";
import { Client } from "langgraph-sdk-threads";
import { StreamController } from "langgraph-sdk-threads/stream";

const client = new Client({ apiUrl: process.argv[2], callerOptions: { maxRetries: 0 } });
const input = { n: 1, log: [] };

async function collected(items) {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
}

// The controller has no promise for all it does: a page is drawn anew on each change.
async function until(store, holds) {
  if (holds(store.getSnapshot())) return store.getSnapshot();
  return await new Promise((resolve) => {
    const leave = store.subscribe(() => {
      if (!holds(store.getSnapshot())) return;
      leave();
      resolve(store.getSnapshot());
    });
  });
}

function stepsOver(transport) {
  return {
    async [`a run's values and its end come over ${transport}`]() {
      const thread = client.threads.stream({ assistantId: "add", transport });
      const { run_id: runId } = await thread.run.start({ input });
      assert.deepEqual((await collected(thread.values)).map((each) => each.n), [1, 2, 4]);
      assert.equal((await thread.output).n, 4);
      assert.equal((await client.runs.get(thread.threadId, runId)).status, "success");
      await thread.close();
    },

    async [`an interrupt is answered over ${transport}`]() {
      const thread = client.threads.stream({ assistantId: "ask", transport });
      await thread.run.start({ input });
      await collected(await thread.subscribe("input"));
      const [{ interruptId, payload, namespace }] = thread.interrupts;
      assert.deepEqual(payload, { about: 2 });
      await thread.input.respond({ interrupt_id: interruptId, namespace, response: "yes" });
      const ends = await thread.subscribe("lifecycle");
      for await (const event of ends) if (event.params.data.event === "completed") break;
      const state = await client.threads.getState(thread.threadId);
      assert.deepEqual(state.values.log, ["add", "yes"]);
      await thread.close();
    },

    async [`a message comes word by word over ${transport}`]() {
      const thread = client.threads.stream({ assistantId: "talk", transport });
      await thread.run.start({ input: { messages: [{ role: "user", content: "Hi" }] } });
      const [message] = await collected(thread.messages);
      const words = await collected(message.text);
      assert.equal(words.join(""), "Hello to you.");
      assert.ok(words.length > 1);
      await thread.close();
    },

    async [`what cannot be done is refused over ${transport}`]() {
      const thread = client.threads.stream({ assistantId: "nobody", transport });
      await assert.rejects(thread.run.start({ input }), { code: "invalid_argument" });
      await thread.close();
    },
  };
}

const controlled = {
  async "the controller of a page runs a graph and answers it"() {
    const page = new StreamController({ client, assistantId: "ask" });
    await page.submit(input);
    const waits = (at) => at.interrupts.length === 1 && at.values.log?.at(-1) === "add";
    const asked = await until(page.rootStore, waits);
    assert.deepEqual(asked.interrupts[0].value, { about: 2 });
    await page.respond("yes");
    const done = await until(page.rootStore, (at) => at.values.log.length === 2);
    assert.deepEqual(done.values.log, ["add", "yes"]);
    assert.equal(done.error, undefined);
    await page.submit({ n: 5 });
    const again = await until(page.rootStore, waits);
    assert.equal(again.values.n, 6);
    await page.dispose();
  },

  async "a page that is opened again finds the conversation"() {
    const page = new StreamController({ client, assistantId: "talk" });
    await page.submit({ messages: [{ role: "user", content: "Hi" }] });
    const threadId = page.rootStore.getSnapshot().threadId;
    await page.dispose();
    const opened = new StreamController({ client, assistantId: "talk", threadId });
    await opened.hydrationPromise;
    const said = opened.rootStore.getSnapshot().messages.map((each) => each.text);
    assert.deepEqual(said, ["Hi", "Hello to you."]);
    await opened.submit({ messages: [{ role: "user", content: "And?" }] });
    const more = await until(opened.rootStore, (at) => at.messages.length === 4);
    assert.equal(more.isLoading, false);
    await opened.dispose();
  },
};

const steps = { ...stepsOver("sse"), ...stepsOver("websocket"), ...controlled };
for (const [name, act] of Object.entries(steps)) {
  try {
    await act();
  } catch (error) {
    console.error(`not so: ${name}`);
    console.error(error);
    process.exit(1);
  }
  console.log(name);
}
process.exit(0); // the client lets some of its connections go later
