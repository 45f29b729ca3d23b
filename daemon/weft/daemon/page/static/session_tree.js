// Sessions and their threads as the rows of a tree, kept true by the feed.

import { useCallback, useEffect, useMemo, useRef, useState } from "./vendor/preact-htm.js";
import { get } from "./api.js";
import { usePages } from "./asking.js";
import { useFeed } from "./live.js";

const MARK_MS = 2500;
const OPEN_AT_FIRST_MAX = 12; // sessions; more than that begin folded
const RELOAD_ROWS_MAX = 500; // lists that are longer are not asked for again by themselves

const CHANGE_SESSIONS = new Set(["CreateSession", "UpdateSession", "CloseSession", "Batch"]);
const unfolded = new Set(); // outlives the component: who comes back finds the same tree

/**
 * Return the tree: { rows, pages, marks, move, outdated, toggle }.
 *
 * A row is { key, session } or { key, session, thread }; `marks` says of a key what just
 * happened to it, `move` is the last transfer that was seen: { name, from, to }.
 */
export function useSessionTree(query) {
  const pages = usePages(["sessions"], query, "sessions");
  const { branches, move, marks, refresh, fold } = useBranches();
  const [outdated, setOutdated] = useState(false);
  const begun = useRef(false);

  useEffect(() => setOutdated(false), [pages.rows]);
  useEffect(() => {
    if (begun.current || pages.loading) return;
    begun.current = true;
    if (!unfolded.size && pages.rows.length <= OPEN_AT_FIRST_MAX) pages.rows.forEach(({ session_id: id }) => unfolded.add(id));
    refresh(unfolded);
  }, [pages.loading, pages.rows]);

  useFeed((operations, gap) => {
    const touched = new Set(gap ? unfolded : operations.flatMap((one) => one.session_ids));
    refresh(touched, operations.filter(({ kind }) => kind === "TransferThreads"));
    const known = new Set(pages.rows.map(({ session_id: id }) => id));
    const isNew = (id) => pages.done && !query.search && !known.has(id);
    const changes = ({ kind, session_ids: ids }) => CHANGE_SESSIONS.has(kind) && (pages.done || ids.some((id) => known.has(id)));
    if (!gap && !operations.some(changes) && ![...touched].some(isNew)) return;
    if (pages.rows.length <= RELOAD_ROWS_MAX) pages.reload();
    else setOutdated(true);
  });

  const toggle = useCallback((id, open = !unfolded.has(id)) => {
    if (open) {
      unfolded.add(id);
      refresh([id]);
    } else {
      unfolded.delete(id);
      fold(id);
    }
  }, [refresh, fold]);
  const rows = useMemo(() => rowsOf(pages.rows, branches), [pages.rows, branches]);
  return { rows, pages, marks, move, outdated, toggle };
}

function rowsOf(sessions, branches) {
  const rows = [];
  for (const session of sessions) {
    const threads = branches.get(session.session_id);
    rows.push({ key: `session ${session.session_id}`, session, threads });
    for (const thread of threads || []) rows.push({ key: `thread ${thread.thread_id}`, session, thread });
  }
  return rows;
}

/** The threads of the sessions that are unfolded: a map from session id to a list. */
function useBranches() {
  const [state, setState] = useState({ branches: new Map(), marks: new Map(), move: null });
  const waiting = useRef({ ids: new Set(), transfers: [], busy: false });

  // One round at a time: lists never overtake each other, and what happens meanwhile
  // is one further round, however much it is.
  const refresh = useCallback(async (ids, transfers = []) => {
    const todo = waiting.current;
    for (const id of ids) if (unfolded.has(id) || transfers.length) todo.ids.add(id);
    todo.transfers.push(...transfers);
    if (todo.busy) return;
    todo.busy = true;
    while (todo.ids.size) {
      const wanted = [...todo.ids].filter((id) => unfolded.has(id));
      const moved = todo.transfers.splice(0);
      todo.ids.clear();
      const lists = await Promise.all(wanted.map(threadsOf));
      setState((old) => after(old, wanted, lists, moved));
    }
    todo.busy = false;
  }, []);
  const fold = useCallback((id) => setState((old) => ({ ...old, branches: without(old.branches, [id]) })), []);
  useEffect(() => {
    if (!state.marks.size) return undefined;
    const timer = setTimeout(() => setState((old) => ({ ...old, marks: new Map() })), MARK_MS);
    return () => clearTimeout(timer);
  }, [state.marks]);
  return { ...state, refresh, fold };
}

/** A session's threads; undefined where nobody knows, and what was said last stays. */
async function threadsOf(id) {
  try {
    return (await get(["sessions", id, "threads"])).threads;
  } catch (problem) {
    return problem.status === 404 ? [] : undefined;
  }
}

/** The state once some sessions were asked for their threads anew. */
function after(old, ids, lists, transfers) {
  const branches = without(old.branches, ids.filter((id) => !unfolded.has(id)));
  ids.forEach((id, at) => unfolded.has(id) && lists[at] && branches.set(id, lists[at]));
  if (!transfers.length) return { ...old, branches };
  const [before, now] = [ownersIn(old.branches), ownersIn(branches)];
  const marks = new Map();
  let { move } = old;
  for (const { session_ids: ids, thread_ids: threads } of transfers) {
    for (const id of threads) {
      const { name, owner } = now.get(id) || before.get(id) || {};
      const from = before.get(id)?.owner ?? ids.find((one) => one !== owner);
      const to = now.get(id)?.owner ?? ids.find((one) => one !== from);
      if (from === to || to === undefined) continue;
      marks.set(`thread ${id}`, "moved").set(`session ${to}`, "received");
      move = { name: name || id, from, to };
    }
  }
  return { branches, marks, move };
}

function ownersIn(branches) {
  const found = new Map();
  for (const [owner, threads] of branches) {
    for (const { thread_id: id, thread_name: name } of threads) found.set(id, { name, owner });
  }
  return found;
}

function without(map, keys) {
  const copy = new Map(map);
  for (const key of keys) copy.delete(key);
  return copy;
}
