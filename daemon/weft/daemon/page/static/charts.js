// Charts over time: lines by uPlot, a heatmap and bars of our own.

import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { count, duration } from "./format.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const LINES_PX = 192;
const HEATMAP_PX = 170;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const timeOf = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");

/** Grows when the scheme changes or the box does: what is painted must be painted again. */
function useCanvas(box) {
  const [size, setSize] = useState({ width: 0, dark: dark.matches });
  useEffect(() => {
    const measure = () => setSize((old) => {
      const next = { width: box.current.clientWidth, dark: dark.matches };
      return old.width === next.width && old.dark === next.dark ? old : next;
    });
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    dark.addEventListener("change", measure);
    measure();
    return () => {
      observer.disconnect();
      dark.removeEventListener("change", measure);
    };
  }, []);
  return size;
}

/**
 * Lines over time. `times` are Unix seconds, `series` are { values, colour, fill },
 * with a colour of base.css; `onHover` gets an index, or null when the pointer leaves.
 */
export function Lines({ times, series, label, onHover = () => {} }) {
  const box = useRef();
  const chart = useRef(null);
  const hover = useRef(onHover);
  hover.current = onHover;
  const size = useCanvas(box);
  const data = [times, ...series.map(({ values }) => values)];
  useEffect(() => {
    if (!size.width) return undefined;
    const axis = { stroke: colour("--soft"), font: "12px system-ui, sans-serif", ticks: { show: false } };
    const lines = series.map((one) => ({
      stroke: colour(one.colour),
      fill: one.fill && colour(`${one.colour}-soft`),
      width: 1.75,
      points: { show: false },
    }));
    chart.current = new window.uPlot({
      width: size.width,
      height: LINES_PX,
      legend: { show: false },
      cursor: { y: false, drag: { x: false }, points: { size: 7 } },
      scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
      series: [{}, ...lines],
      axes: [
        { ...axis, grid: { show: false }, size: 26, space: 90, values: (_, ticks) => ticks.map(timeOf) },
        { ...axis, grid: { stroke: colour("--line"), width: 1 }, size: 46, space: 34 },
      ],
      hooks: { setCursor: [(self) => hover.current(self.cursor.idx ?? null)] },
    }, data, box.current);
    return () => chart.current.destroy();
  }, [size, series.length]);
  useEffect(() => chart.current?.setData(data), [times, size]);
  return html`<div class="chart" ref=${box} role="img" aria-label=${label}></div>`;
}

/**
 * How many fell into each bucket over time: `columns` are lists of counts, smallest
 * bucket first, `bounds` the buckets' upper bounds in seconds.
 */
export function Heatmap({ columns, bounds, places, label }) {
  const box = useRef();
  const canvas = useRef();
  const size = useCanvas(box);
  const rows = bounds.length;
  useEffect(() => {
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [size.width * scale, HEATMAP_PX * scale];
    if (!width) return;
    Object.assign(canvas.current, { width, height });
    const ink = canvas.current.getContext("2d");
    const [cell, step] = [width / places, height / rows];
    const most = Math.log1p(Math.max(1, ...columns.flat()));
    ink.fillStyle = colour("--accent");
    columns.forEach((counts, at) => {
      const left = Math.floor((places - columns.length + at) * cell);
      const right = Math.floor((places - columns.length + at + 1) * cell);
      counts.forEach((number, row) => {
        if (!number) return;
        ink.globalAlpha = 0.12 + 0.88 * (Math.log1p(number) / most) ** 1.6;
        const top = Math.round(height - (row + 1) * step);
        ink.fillRect(left, top, Math.max(1, right - left), Math.ceil(step) - (step > 6 ? scale : 0));
      });
    });
  }, [columns, size, places, rows]);
  const ticks = bounds.map((bound, row) => ({ bound, row })).filter(({ row }) => row % 4 === 2);
  const tick = ({ bound, row }) => html`
    <span key=${row} style=${{ bottom: `${(100 * (row + 1)) / rows}%` }}>${duration(bound)}</span>`;
  return html`<div class="heatmap">
    <div class="heatmap-axis" aria-hidden="true">${ticks.map(tick)}</div>
    <div class="heatmap-box" ref=${box}><canvas ref=${canvas} role="img" aria-label=${label}></canvas></div>
  </div>`;
}

/** Shares of a whole as one bar, with their names and numbers (or `text`) below. */
export function Shares({ parts, label }) {
  const words = `${label}: ${parts.map(({ name, value, text }) => `${text ?? value} ${name}`).join(", ")}`;
  const present = parts.filter(({ value }) => value);
  const share = ({ name, value, tone, text }) => html`
    <i key=${name} class=${`tone-${tone}`} style=${{ flexGrow: value }} title=${`${name}: ${text ?? value}`}></i>`;
  const entry = ({ name, value, tone, text }) => html`
    <li key=${name}><i class=${`tone-${tone}`}></i>${name} <b>${text ?? count(value)}</b></li>`;
  return html`<div class="shares">
    <div class="shares-bar" role="img" aria-label=${words}>
      ${present.length ? present.map(share) : html`<i class="tone-none"></i>`}
    </div>
    <ul>${parts.map(entry)}</ul>
  </div>`;
}

/** Columns side by side: { name, value, hint }. */
export function Columns({ parts, label }) {
  const most = Math.max(1, ...parts.map(({ value }) => value));
  const column = ({ name, value, hint }) => html`<div key=${name} class="column" title=${hint}>
    <div class="column-space">
      <i style=${{ height: `${(100 * value) / most}%` }} class=${value ? "" : "none"}></i>
    </div>
    <span>${name}</span>
  </div>`;
  return html`<div class="columns" role="img" aria-label=${label}>${parts.map(column)}</div>`;
}
