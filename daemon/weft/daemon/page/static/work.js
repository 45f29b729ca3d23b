// What the pages for work share: values as people read them, and as they type them.

import { html } from "./vendor/preact-htm.js";

const LINE_MAX = 76; // characters that fit beside each other in half a page

/** JSON with whatever fits on one line on one line. */
export function readable(value, indent = "") {
  const line = JSON.stringify(value, null, 1).replace(/\n\s*/g, " ");
  if (value === null || typeof value !== "object" || indent.length + line.length <= LINE_MAX) return line;
  const deeper = `${indent}  `;
  const members = Array.isArray(value)
    ? value.map((member) => deeper + readable(member, deeper))
    : Object.entries(value).map(([name, member]) => `${deeper}${JSON.stringify(name)}: ${readable(member, deeper)}`);
  const [begin, end] = Array.isArray(value) ? "[]" : "{}";
  return `${begin}\n${members.join(",\n")}\n${indent}${end}`;
}

/** A JSON value in a box that scrolls. */
export const Value = ({ of, label }) => html`<pre class="json" tabindex="0" role="region" aria-label=${label}>${readable(of)}</pre>`;

/** Return the JSON object in a text, {} for none; throws an Error in words for another. */
export function objectIn(text) {
  if (text.trim() === "") return {};
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`That is no JSON: ${error.message}.`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error('Expected a JSON object, as {"to": 3}.');
  return value;
}
