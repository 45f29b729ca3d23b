// The daemon's figures: samples of the last five minutes, and what can be read off them.

import { useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { epoch, get } from "./api.js";
import { restartFeed } from "./live.js";
import { useStore } from "./store.js";

const SAMPLES = 150;

/** Ask for the figures again and again; only what is new is sent. */
export function useFigures() {
  const [state, setState] = useState({ value: null, problem: null, loading: true });
  const known = useRef({ number: -1, seq: 0, samples: [] });
  const renewed = useStore(epoch);
  useEffect(() => {
    const control = new AbortController();
    let timer = 0;
    const next = async () => {
      let waitMs = 2000;
      if (document.visibilityState === "visible") {
        try {
          const value = merged(await get(["figures"], { after: known.current.number }, control.signal), known.current);
          if (control.signal.aborted) return;
          waitMs = 1000 * value.interval_s;
          setState({ value, problem: null, loading: false });
        } catch (problem) {
          if (control.signal.aborted) return;
          setState((old) => ({ ...old, problem, loading: false }));
          if (problem.status === 403) return;
        }
      }
      timer = setTimeout(next, waitMs);
    };
    next();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [renewed]);
  return state;
}

/** Put new samples behind those that are known; a daemon that began again has others. */
function merged(value, known) {
  if (value.number < known.number || value.present.seq < known.seq) {
    if (value.present.seq < known.seq) restartFeed();
    Object.assign(known, { number: -1, samples: [] });
  }
  const fresh = value.samples.filter(({ number }) => number > known.number);
  known.samples = fresh.length ? known.samples.concat(fresh).slice(-SAMPLES) : known.samples;
  known.number = known.samples.at(-1)?.number ?? -1;
  known.seq = value.present.seq;
  return { ...value, samples: known.samples };
}

/** How many a second, in each sample. */
export const rates = (samples, name) => samples.map((sample) => sample[name] / sample.period_s);

/** Sums over lists of counts, bucket by bucket. */
export function summed(lists) {
  return lists.reduce((sum, list) => list.map((count, at) => count + (sum[at] || 0)), []);
}

/** The sum of numbers. */
export const total = (numbers) => numbers.reduce((sum, one) => sum + one, 0);

/** The bound under which a share of all lies, null for none. */
export function quantile(counts, bounds, share) {
  let rest = share * total(counts);
  if (!rest) return null;
  for (const [at, count] of counts.entries()) {
    rest -= count;
    if (rest <= 0) return bounds[at];
  }
  return bounds.at(-1);
}
