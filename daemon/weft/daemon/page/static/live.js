// Server-sent events over fetch, which can carry a token: resume, reconnect, batches.

import { useEffect, useRef } from "./vendor/preact-htm.js";
import { addressOf, epoch, headersOf, noteAnswer, Problem } from "./api.js";

const RETRY_MS_MAX = 5000;
const SILENCE_MS_MAX = 45000; // the daemon says something every 15 s
const BATCH_MS = 200;
const BATCH_MAX = 2000;

/**
 * Follow a stream of events until the returned function is called.
 *
 * `onEvents` gets a list of { event, id, data }, at most five times a second. A stream
 * that breaks is resumed behind its last id; one that `ends` is not asked for again.
 */
export function follow(parts, { query = {}, onEvents, onState = () => {}, ends = () => false, lastId = "" }) {
  const control = new AbortController();
  const batch = batched(onEvents);
  const place = { id: lastId, over: false };
  run(parts, query, place, control.signal, (event) => {
    if (event.id) place.id = event.id;
    if (ends(event)) place.over = true;
    batch.push(event);
  }, onState);
  return () => {
    control.abort();
    batch.stop();
  };
}

async function run(parts, query, place, signal, onEvent, onState) {
  let waitMs = 0;
  while (!signal.aborted && !place.over) {
    await pause(waitMs, signal);
    if (signal.aborted) return;
    onState("connecting");
    const began = Date.now();
    const status = await listen(parts, query, place, signal, onEvent, onState);
    if (signal.aborted || place.over) break;
    if (status === 404 || status === 403 || status === 422) return onState("refused");
    onState("offline");
    if (status === 401) await renewal(signal);
    waitMs = Date.now() - began > RETRY_MS_MAX ? 250 : Math.min(RETRY_MS_MAX, 2 * waitMs + 250 * (1 + Math.random()));
  }
  onState("ended");
}

/** Read one connection to its end; returns the status, 0 where nobody answered. */
async function listen(parts, query, place, signal, onEvent, onState) {
  const own = new AbortController();
  const stop = () => own.abort();
  signal.addEventListener("abort", stop);
  let watchdog = setTimeout(stop, SILENCE_MS_MAX);
  try {
    const headers = headersOf({ Accept: "text/event-stream", ...(place.id && { "Last-Event-ID": place.id }) });
    const answer = await fetch(addressOf(parts, query), { headers, signal: own.signal, cache: "no-store" });
    if (!noteAnswer(answer.status)) return answer.status;
    onState("live");
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const parse = parser(onEvent);
    for (;;) {
      const { done, value } = await reader.read();
      if (done || place.over) return answer.status;
      clearTimeout(watchdog);
      watchdog = setTimeout(stop, SILENCE_MS_MAX);
      parse(value);
    }
  } catch {
    if (!signal.aborted) noteAnswer(0);
    return 0;
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener("abort", stop);
    own.abort();
  }
}

/**
 * Have something done that tells how far it is: `onProgress` gets { done, total }.
 *
 * Returns the report; throws a Problem.
 */
export async function report(parts, body, onProgress) {
  const headers = headersOf({ Accept: "text/event-stream", "Content-Type": "application/json" });
  const sent = fetch(addressOf(parts), { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await sent.catch(() => null);
  if (!noteAnswer(answer?.status ?? 0)) throw new Problem(answer?.status ?? 0, await answer?.json().catch(() => ({})));
  let result = null;
  const parse = parser(({ event, data }) => {
    if (event === "progress") onProgress(data);
    if (event === "report") result = data;
    if (event === "error") throw new Problem(500, data);
  });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) parse(value);
  if (result === null) throw new Problem(0);
  return result;
}

/** A function that takes text as it comes and tells of whole events. */
function parser(onEvent) {
  let rest = "";
  return (text) => {
    const blocks = (rest + text).replace(/\r\n/g, "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = { event: "message", id: "", data: null };
      let data = "";
      for (const line of block.split("\n")) {
        const at = line.indexOf(": ");
        if (at <= 0) continue; // a comment: the connection lives
        const [field, value] = [line.slice(0, at), line.slice(at + 2)];
        if (field === "data") data += value;
        else if (field === "id" || field === "event") event[field] = value;
      }
      if (data) onEvent({ ...event, data: JSON.parse(data) });
    }
  };
}

function batched(onEvents) {
  let waiting = [];
  let timer = 0;
  const flush = () => {
    timer = 0;
    const events = waiting;
    waiting = [];
    onEvents(events);
  };
  return {
    push(event) {
      waiting.push(event);
      if (waiting.length > BATCH_MAX) waiting.shift(); // the newest matter
      timer ||= setTimeout(flush, BATCH_MS);
    },
    stop: () => clearTimeout(timer),
  };
}

function pause(ms, signal) {
  return new Promise((done) => {
    setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

/** Wait for a token. */
function renewal(signal) {
  return new Promise((done) => {
    const stop = epoch.subscribe(() => { stop(); done(); });
    signal.addEventListener("abort", () => { stop(); done(); }, { once: true });
  });
}

// ---- the feed: one connection to /events for all who look

const readers = new Set();
let stopFeed = null;

function tell(events, isFirst) {
  const operations = events.filter(({ event }) => event === "operation").map(({ data }) => data);
  // What was asked before the feed began may be older than where it begins.
  const gap = isFirst || events.some(({ event }) => event === "gap");
  if (operations.length || gap) for (const reader of [...readers]) reader(operations, gap);
}

/** Begin the feed again from now on: the store is another one. */
export function restartFeed() {
  stopFeed?.();
  let isFirst = true;
  const onEvents = (events) => {
    tell(events, isFirst);
    isFirst = false;
  };
  stopFeed = readers.size ? follow(["events"], { onEvents }) : null;
}

/** Call `reader(operations, gap)` for what happens, in the one order, in batches. */
export function useFeed(reader) {
  const latest = useRef(reader);
  latest.current = reader;
  useEffect(() => {
    const own = (operations, gap) => latest.current(operations, gap);
    readers.add(own);
    if (stopFeed === null) restartFeed();
    return () => {
      readers.delete(own);
      if (readers.size) return;
      stopFeed?.();
      stopFeed = null;
    };
  }, []);
}
