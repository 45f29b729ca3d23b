// The daemon's HTTP API: one function that asks, the token, and what went wrong.

import { pathOf } from "./router.js";
import { createStore } from "./store.js";

const TOKEN = "weft.token";
const RETRIES_MS = [300, 1000, 2000, 4000, 8000];

/** "unknown", "live", "offline" (nobody answers) or "denied" (a token is needed). */
export const connection = createStore("unknown");

/** Grows when what is shown must be asked for again: a new token, back from offline. */
export const epoch = createStore(0);

/** What the daemon refused, as RFC 9457 has it; status 0 if it did not answer. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.detail || body.title || (status ? `The daemon answered ${status}.` : "The daemon does not answer."));
    this.status = status;
    this.code = body.code || "";
    this.body = body;
  }
}

/** Keep a token for this tab only, and ask for everything again. */
export function useToken(secret) {
  sessionStorage.setItem(TOKEN, secret);
  renew();
}

export function forgetToken() {
  sessionStorage.removeItem(TOKEN);
  renew();
}

export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;

function renew() {
  connection.set("unknown");
  epoch.set(epoch.get() + 1);
}

/** The address of a path, given as its parts; each may hold any character. */
export function addressOf(parts, query = {}) {
  return new URL(pathOf(parts, query), new URL("./", document.baseURI));
}

/** The headers that go with every request. */
export function headersOf(more = {}) {
  const secret = sessionStorage.getItem(TOKEN);
  return { ...(secret === null ? {} : { Authorization: `Bearer ${secret}` }), ...more };
}

/** Note what an answer says of the connection; true if it may be read. */
export function noteAnswer(status) {
  if (status === 401) connection.set("denied");
  else if (status !== 0) back();
  else if (connection.get() !== "denied") connection.set("offline");
  return status >= 200 && status < 300;
}

function back() {
  const before = connection.get();
  connection.set("live");
  if (before === "offline") epoch.set(epoch.get() + 1);
}

/**
 * Ask the daemon; returns the decoded answer, null for none, or throws a Problem.
 *
 * A change carries an idempotency key and is sent again under the same key while
 * nobody answers: it is applied once, however often it arrives.
 */
export async function ask(method, parts, { query, body, signal } = {}) {
  const headers = headersOf();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["Idempotency-Key"] = newKey();
  const request = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) };
  const answer = await send(addressOf(parts, query), request);
  const text = await answer.text();
  if (!noteAnswer(answer.status)) throw new Problem(answer.status, decode(text) || {});
  return text === "" ? null : JSON.parse(text);
}

export const get = (parts, query, signal) => ask("GET", parts, { query, signal });
export const post = (parts, body = {}, query) => ask("POST", parts, { body, query });

async function send(address, request) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await fetch(address, request);
    } catch (error) {
      if (request.signal?.aborted) throw error;
      if (request.method === "GET" || attempt === RETRIES_MS.length) {
        noteAnswer(0);
        throw new Problem(0);
      }
      await new Promise((done) => setTimeout(done, RETRIES_MS[attempt]));
    }
  }
}

function decode(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy in between answers in HTML
  }
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return "page-" + [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
