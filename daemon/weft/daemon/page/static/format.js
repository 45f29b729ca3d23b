// Numbers, durations and times as people read them.

const number = new Intl.NumberFormat("en");
const UNITS_S = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
const AGES_S = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

export const count = (value) => number.format(value);

/** 1 thread, 2 threads. */
export const plural = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** Seconds in the unit that fits: 1.2 s, 34 ms. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds >= 120) return age(seconds);
  const [size, unit] = UNITS_S.find(([at]) => seconds >= at) || UNITS_S.at(-1);
  const value = seconds / size;
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(2))} ${unit}`;
}

/** How long ago, roughly: 3 min. */
export function age(seconds) {
  const [size, unit] = AGES_S.find(([at]) => seconds >= at) || AGES_S.at(-1);
  return `${Math.max(0, Math.floor(seconds / size))} ${unit}`;
}

export const ago = (time) => age((Date.now() - new Date(time)) / 1000) + " ago";

/** The time of day with milliseconds, of this place. */
export function clock(time) {
  const date = new Date(time);
  return `${date.toLocaleTimeString("en-GB")}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Date and time, of this place. */
export function moment(time) {
  const date = new Date(time);
  return `${date.toLocaleDateString("en-CA")} ${date.toLocaleTimeString("en-GB")}`;
}

/** 1.5 MB. */
export function bytes(value) {
  const power = value < 1 ? 0 : Math.min(4, Math.floor(Math.log10(value) / 3));
  return `${Number((value / 1000 ** power).toPrecision(3))} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}

/** What an operation's kind says in words: TransferThreads is "transfer threads". */
export const words = (name) => name.replace(/([a-z])([A-Z])/g, "$1 $2").replace(/_/g, " ").toLowerCase();
