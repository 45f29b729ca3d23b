// The place in the page: `#/name/part?key=value`, so that a place can be kept and sent.

import { createStore } from "./store.js";

/** Where the page is: { name, parts, query }. */
export const place = createStore(read());
addEventListener("hashchange", () => place.set(read()));

function read() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [name, ...parts] = path.split("/").map(decoded);
  return { name: name || "overview", parts: parts.filter((part) => part !== ""), query: Object.fromEntries(new URLSearchParams(search)) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand
  }
}

/** The address of a place, for an `href`: link("sessions", id), or with a query last. */
export function link(name, ...rest) {
  const query = typeof rest.at(-1) === "object" ? rest.pop() : {};
  return "#/" + pathOf([name, ...rest], query);
}

/** Parts of a path, each of any characters, and behind it what of the query is given. */
export function pathOf(parts, query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = new URLSearchParams(given).toString();
  return parts.map(encodeURIComponent).join("/") + (search && `?${search}`);
}

/** Go to a place. */
export function go(name, ...rest) {
  location.hash = link(name, ...rest);
}

/** Change the query of the present place without another entry in the history. */
export function refine(query) {
  const { name, parts } = place.get();
  history.replaceState(null, "", link(name, ...parts, query));
  place.set(read());
}
