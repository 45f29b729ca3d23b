// The consistency strip: a mark for each of the last checks.

import { html } from "./vendor/preact-htm.js";
import { total } from "./figures.js";
import { moment, plural } from "./format.js";

export const found = (check) => total(Object.values(check.found));

/** Marks of checks, the last one at the right. */
export function Strip({ checks, places = 60 }) {
  const shown = checks.slice(-places);
  const bad = shown.filter(found).length;
  const empty = Array.from({ length: places - shown.length }, (_, at) => html`<i key=${`none-${at}`} class="none"></i>`);
  const words = `${plural(shown.length, "check")}, ${bad ? `${bad} of them found something` : "all clean"}`;
  return html`<div class="strip" role="img" aria-label=${words}>${empty}${shown.map((check) => html`<i
    key=${check.finished_at} class=${found(check) ? "found" : ""}
    title=${`${moment(check.finished_at)}: ${found(check) ? plural(found(check), "finding") : "clean"}`}></i>`)}</div>`;
}
