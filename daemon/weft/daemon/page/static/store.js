// Values that several components look at: a store tells its readers when it changes.

import { useEffect, useState } from "./vendor/preact-htm.js";

/** A value with readers; setting what is already there tells nobody. */
export function createStore(initial) {
  let value = initial;
  const readers = new Set();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const reader of [...readers]) reader(value);
    },
    subscribe(reader) {
      readers.add(reader);
      return () => readers.delete(reader);
    },
  };
}

/** A store's value; the component is rendered again when it changes. */
export function useStore(store) {
  const [, render] = useState(0);
  useEffect(() => store.subscribe(() => render((n) => n + 1)), [store]);
  return store.get();
}
