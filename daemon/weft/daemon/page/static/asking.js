// Hooks that ask: one answer, kept fresh, or a list that grows page by page.

import { useCallback, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { epoch, get } from "./api.js";
import { useStore } from "./store.js";

const PAGE = 500;

/**
 * Ask for one document; null for parts asks nothing.
 *
 * Returns { value, problem, loading, reload }. The last value stays while it is asked
 * for again, and stays the same object if the answer is the same: nothing flickers.
 */
export function useAsk(parts, query = {}, everyMs = 0) {
  const [state, setState] = useState({ value: null, problem: null, loading: true });
  const renewed = useStore(epoch);
  const key = parts === null ? null : JSON.stringify([parts, query]);
  const last = useRef({ key: null, text: "" });
  const reload = useCallback(async (signal) => {
    if (key === null) return;
    const [where, what] = JSON.parse(key);
    try {
      const value = await get(where, what, signal);
      const text = JSON.stringify(value);
      if (signal?.aborted || (last.current.key === key && last.current.text === text)) return;
      last.current = { key, text };
      setState({ value, problem: null, loading: false });
    } catch (problem) {
      if (signal?.aborted) return;
      last.current = { key, text: "" }; // what was said last stays
      setState((old) => ({ ...old, problem, loading: false }));
    }
  }, [key]);
  useEffect(() => {
    const control = new AbortController();
    if (last.current.key !== key) setState({ value: null, problem: null, loading: key !== null });
    reload(control.signal);
    const visible = () => document.visibilityState === "visible" && reload(control.signal);
    const timer = everyMs ? setInterval(visible, everyMs) : 0;
    return () => {
      control.abort();
      clearInterval(timer);
    };
  }, [reload, everyMs, renewed]);
  return { ...state, reload: useCallback(() => reload(), [reload]) };
}

/**
 * Ask for a list that comes in pages with `next_cursor`.
 *
 * Returns { rows, problem, loading, done, more, reload }; `more` asks for the next page
 * unless it is on its way.
 */
export function usePages(parts, query, name, size = PAGE) {
  const [state, setState] = useState({ rows: [], cursor: null, problem: null, loading: true, done: false });
  const renewed = useStore(epoch);
  const [again, setAgain] = useState(0);
  const key = JSON.stringify([parts, query]);
  const current = useRef({ control: null, busy: false });
  const fetchPage = useCallback(async (cursor, rows) => {
    const { control } = current.current;
    current.current.busy = true;
    try {
      const [where, what] = JSON.parse(key);
      const page = await get(where, { limit: size, ...what, cursor }, control.signal);
      if (control.signal.aborted) return;
      const done = page.next_cursor === null;
      setState({ rows: rows.concat(page[name]), cursor: page.next_cursor, problem: null, loading: false, done });
    } catch (problem) {
      if (!control.signal.aborted) setState((old) => ({ ...old, problem, loading: false }));
    } finally {
      if (current.current.control === control) current.current.busy = false;
    }
  }, [key, name, size]);
  useEffect(() => {
    const control = new AbortController();
    current.current = { control, busy: false };
    setState((old) => ({ ...old, loading: true, problem: null }));
    fetchPage(null, []);
    return () => control.abort();
  }, [fetchPage, renewed, again]);
  const more = useCallback(() => {
    if (!current.current.busy && !state.done && state.cursor !== null) fetchPage(state.cursor, state.rows);
  }, [state, fetchPage]);
  return { ...state, more, reload: useCallback(() => setAgain((n) => n + 1), []) };
}
