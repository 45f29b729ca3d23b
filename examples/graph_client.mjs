// LangGraph's own JavaScript SDK against Weft: run a graph, answer it, move the thread.
//
//   $ weft serve --app examples.graph_server:graphs --data ./weft-data
//   $ npm install @langchain/langgraph-sdk
//   $ node examples/graph_client.mjs
//   the graph waits: Dear Bob, come to tea.
//   values: {"to":"Bob","draft":"Dear Bob, come to tea.","sent":true}
//   states of the thread: 4
//   the thread belongs to bob now
//
// The first argument is the server's address if it is not the default.

import { Client } from "@langchain/langgraph-sdk";

const apiUrl = process.argv[2] ?? "http://127.0.0.1:8123";
const client = new Client({ apiUrl });

// The session that owns the thread is said in its metadata.
const thread = await client.threads.create({ metadata: { session_id: "alice" } });

const stream = client.runs.stream(thread.thread_id, "letter", {
  input: { to: "Bob" },
  streamMode: "values",
});
for await (const { event, data } of stream) {
  const waits = event === "values" && data.__interrupt__?.[0];
  if (waits) console.log(`the graph waits: ${waits.value["approve?"]}`);
}

const values = await client.runs.wait(thread.thread_id, "letter", {
  command: { resume: true },
});
console.log(`values: ${JSON.stringify(values)}`);

const history = await client.threads.getHistory(thread.thread_id);
console.log(`states of the thread: ${history.length}`);

// Sessions are Weft's own: plain HTTP, in the same daemon.
const moved = await fetch(`${apiUrl}/threads/${thread.thread_id}/transfer`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ to_session_id: "bob", create: true }),
});
console.log(`the thread belongs to ${(await moved.json()).session_id} now`);
