// One operation of the log, as a row of words.

import { html } from "./vendor/preact-htm.js";
import { count, duration, words } from "./format.js";
import { Badge, SessionLink, ThreadLink, Time } from "./parts.js";

const SHOWN = 3;

/** The cells of a row: place, time, what, where, how long. */
export function Operation({ of: one }) {
  const moves = one.kind === "TransferThreads" && one.session_ids.length === 2;
  return html`
    <span class="number seq">${one.seq === null ? "–" : count(one.seq)}</span>
    <span class="quiet when narrow-hidden"><${Time} at=${one.at} /></span>
    <span class="what">
      ${one.outcome === "refused" && html`<${Badge} of="refused" /> `}${words(one.kind)}
    </span>
    <span class="where"><${Ids} ids=${one.session_ids} as=${SessionLink} between=${moves ? " → " : ", "} /></span>
    <span class="where"><${Ids} ids=${one.thread_ids} as=${ThreadLink} /></span>
    <span class="number took quiet narrow-hidden">${duration(one.duration_us / 1e6)}</span>`;
}

/** The first of several ids, as links. */
function Ids({ ids, as: Link, between = ", " }) {
  const links = ids.slice(0, SHOWN).map((id, at) => html`
    ${at > 0 && html`<span class="quiet">${between}</span>`}<${Link} key=${id} id=${id} />`);
  return html`${links}${ids.length > SHOWN && ` and ${ids.length - SHOWN} more`}`;
}
