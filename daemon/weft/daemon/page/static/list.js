// A list that stays smooth at 100,000 rows: only those in sight are in the document.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact-htm.js";

const BESIDE = 12; // rows kept above and below what is in sight
const AHEAD = 100; // rows before the end at which more are asked for
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity };

/**
 * Rows of one height, in a box that scrolls.
 *
 * `row(item)` renders one, `keyOf(item)` names it, `more()` is called near the end,
 * `open(item)` on Enter or a click. Arrows, Page, Home and End move the focus.
 * `columns`, if given, are the headings: [{ name, className }].
 */
export function List({ rows, row, keyOf, label, height = 37, more = () => {}, open, columns, className = "", complete = true }) {
  const box = useRef();
  const [scroll, setScroll] = useState({ top: 0, size: 600 });
  const [active, setActive] = useState({ at: 0, key: null });
  const focused = useRef(false);
  const anchor = useRef({ key: null, at: 0 });
  const first = Math.max(0, Math.floor(scroll.top / height) - BESIDE);
  const last = Math.min(rows.length, Math.ceil((scroll.top + scroll.size) / height) + BESIDE);
  const current = placeOf(rows, keyOf, active.key, active.at);
  const shown = Array.from({ length: last - first }, (_, at) => first + at);
  if (rows.length && (current < first || current >= last)) shown.push(current); // the focus stays

  useLayoutEffect(() => {
    const measure = () => {
      const { clientHeight: size } = box.current;
      setScroll((old) => (old.size === size ? old : { ...old, size }));
    };
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    measure();
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (last >= rows.length - AHEAD) more();
  }, [last, rows.length, more]);
  useLayoutEffect(() => {
    // What is read stays where it is when rows come or go above it.
    const { key, at } = anchor.current;
    const shift = placeOf(rows, keyOf, key, at) - at;
    if (shift && box.current.scrollTop >= height) box.current.scrollTop += shift * height;
  }, [rows]);
  useLayoutEffect(() => {
    const at = Math.min(Math.floor(box.current.scrollTop / height), rows.length - 1);
    anchor.current = at < 0 ? { key: null, at: 0 } : { key: keyOf(rows[at]), at };
  });
  useEffect(() => {
    const moved = (event) => {
      focused.current = box.current.contains(event.target);
      const row = focused.current && event.target.closest("[data-row]");
      if (row) setActive({ at: Number(row.dataset.row), key: row.dataset.key });
    };
    const left = (event) => {
      if (!box.current.contains(event.target)) focused.current = false;
    };
    document.addEventListener("focusin", moved);
    document.addEventListener("pointerdown", left);
    return () => {
      document.removeEventListener("focusin", moved);
      document.removeEventListener("pointerdown", left);
    };
  }, []);
  useLayoutEffect(() => {
    // A row that is moved within the document loses the focus: give it back.
    const row = focused.current && box.current.querySelector(`[data-row="${current}"]`);
    if (row && !row.contains(document.activeElement)) row.focus({ preventScroll: true });
  });

  const move = (event) => {
    if (event.key === "Enter" && open && event.target.dataset.row !== undefined) return open(rows[current]);
    const step = STEPS[event.key];
    if (step === undefined || !rows.length || event.target.closest("input,select,textarea")) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(rows.length - 1, current + step));
    focused.current = true;
    setActive({ at: next, key: keyOf(rows[next]) });
    reveal(box.current, next, height, setScroll);
  };
  const scrolled = ({ target }) => setScroll({ top: target.scrollTop, size: target.clientHeight });
  const chosen = (event, item) => open && !event.target.closest("a,button") && open(item);
  return html`<div class=${`list ${className}`}>
    ${columns && html`<div class="list-row list-head" aria-hidden="true">
      ${columns.map((column) => html`<span key=${column.name} class=${column.className}>${column.name}</span>`)}
    </div>`}
    <div class="list-box" ref=${box} onScroll=${scrolled} onKeyDown=${move}>
      <div class="list-all" role="list" aria-label=${label} style=${{ height: `${rows.length * height}px` }}>
        ${shown.map((at) => html`<div role="listitem" class=${open ? "list-row opens" : "list-row"}
          key=${keyOf(rows[at])} data-key=${keyOf(rows[at])} data-row=${at}
          aria-posinset=${at + 1} aria-setsize=${complete ? rows.length : -1}
          tabindex=${at === current ? 0 : -1} onClick=${(event) => chosen(event, rows[at])}
          style=${{ top: `${at * height}px`, height: `${height}px` }}>${row(rows[at])}</div>`)}
      </div>
    </div>
  </div>`;
}

/** Where the row of a key is; the given place if it is there, or nowhere. */
function placeOf(rows, keyOf, key, at) {
  const near = Math.min(at, Math.max(0, rows.length - 1));
  if (key === null || rows.length === 0 || String(keyOf(rows[near])) === String(key)) return near;
  const found = rows.findIndex((one) => String(keyOf(one)) === String(key));
  return found < 0 ? near : found;
}

function reveal(box, index, height, setScroll) {
  const [top, bottom] = [index * height, (index + 1) * height];
  if (top < box.scrollTop) box.scrollTop = top;
  else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
  setScroll({ top: box.scrollTop, size: box.clientHeight });
}
