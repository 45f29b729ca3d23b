"""Retention: what is kept how long, and which records are past it.

A policy is data; a plan is a pure look at a snapshot, of bounded length: it visits a
few hundred entries, names what is past its time in one :class:`Expire`, and says where
to go on. Whoever drives it (:mod:`weft.actors.retention`) submits that through the
writer like any other operation.

Guarantees:
    * a plan visits at most ``limit`` entries and names at most ``limit`` records, so
      neither its reader nor the write transaction that follows lives long; only a
      thread's checkpoints are looked at together, however many it has;
    * what is forgotten is gone: a plan that was cut short, or whose process died, is
      taken up where it stood or from the beginning, with the same end;
    * the newest entry of the log stays, for ``seq`` goes on from there;
    * a damaged record stays where it is, for the check to name and repair to mend; in
      the log, until what comes behind it goes.

A thread's own policy stands in its config under ``retention``, in the fields of
:class:`History`, and goes before the runtime's.
"""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

import msgspec

from weft.storage.codec import decode
from weft.storage.errors import StoreCorrupt
from weft.storage.graph import Graph
from weft.storage.ids import pack_id, unpack_id
from weft.storage.keys_checkpoints import namespace_prefix
from weft.storage.operations import PARTS_MAX, Expire
from weft.storage.records import (
    Association,
    OperationRecord,
    State,
    Thread,
    Tombstone,
)
from weft.storage.snapshot import Snapshot

__all__ = [
    "DAY_S",
    "HISTORY_KEY",
    "History",
    "Plan",
    "Retention",
    "plan_log",
    "plan_threads",
]

DAY_S: Final = 86_400.0

HISTORY_KEY: Final = "retention"
"""Where a thread's config has its own policy."""

_S_TO_US: Final = 1_000_000

_ROW, _RUN = b"\x01", b"\x02"

_NOBODY: Final = ""
"""In place of the ``op_id`` of a damaged entry of the log: no id is empty."""

_HISTORY_ENTRIES: Final = 4
"""What a look at a history counts for: its two ends are sought, some 12 us."""


class History(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a thread's states, and of its graphs' checkpoints.

    Attributes:
        strategy: ``keep_latest`` forgets states and checkpoints but the newest;
            ``delete`` removes the thread itself, with all it has, once it is idle for
            ``ttl_s``.
        keep: how many states ``keep_latest`` keeps whatever their age; and how many
            checkpoints of each namespace, but always the newest.
        ttl_s: nothing younger is forgotten, in seconds.
    """

    strategy: Literal["keep_latest", "delete"] = "keep_latest"
    keep: Annotated[int, msgspec.Meta(ge=0)] = 1
    ttl_s: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0


# Prepared on one OS thread, at import: a type that msgspec sees for the first time on
# several at once crashes the interpreter (0.22).
msgspec.msgpack.Decoder(History)


class Retention(msgspec.Struct, frozen=True):
    """What a runtime keeps how long; None keeps for ever.

    Attributes:
        operations_s: log entries, and with them the answers to repeated operations.
        operations_max: applied operations in the log, whatever their age. At 0.6 KB
            an entry with its index the default is 6 GB.
        tombstones_s: the fences of removed threads.
        associations_s: inactive associations; a tombstone waits for its own.
        runs_s: runs, from their end on.
        history: of threads that have no policy of their own.
        entries_per_s: how many entries are looked at in a second, the limit of what
            retention takes from the runtime: at 20,000 some 5 % of one core.
        interval_s: from the end of one look at all threads to the beginning of the
            next.
    """

    operations_s: float | None = DAY_S
    operations_max: int | None = 10_000_000
    tombstones_s: float | None = 30 * DAY_S
    associations_s: float | None = 30 * DAY_S
    runs_s: float | None = None
    history: History | None = None
    entries_per_s: float = 20_000.0
    interval_s: float = 300.0


class Plan(msgspec.Struct, frozen=True):
    """What one look came to.

    Attributes:
        operation: what is to be forgotten, without id and time; None for nothing.
        cursor: where to go on; None at the end.
        visited: how many entries were looked at.
    """

    operation: Expire | None
    cursor: bytes | None
    visited: int


def plan_log(
    snapshot: Snapshot, policy: Retention, now_us: int, limit: int = PARTS_MAX
) -> Plan:
    """Return the log's oldest entries that are past their time, or over the limit.

    The log is in the order of ``seq``; times of acceptance nearly are, and the first
    entry that is to stay ends the look. A damaged one is as old as what stands behind
    it, and goes with that: left alone, it would stand before a gap.

    Args:
        snapshot: the store.
        policy: what is kept.
        now_us: microseconds since the Unix epoch.
        limit: how many entries at the most, up to 1,000.
    """
    before_us = _before(policy.operations_s, now_us)
    last = snapshot.log_end
    over = -1 if policy.operations_max is None else last[0] - policy.operations_max
    old: list[tuple[bytes, str]] = []
    for key, data in snapshot.entries("L"):
        place = int.from_bytes(key[:8]), int.from_bytes(key[8:])
        record = _entry(key, data)
        stays = record is not None and record.at_us >= before_us
        if (place[0] > over and stays) or place == last:
            break
        if len(old) == limit:
            return Plan(Expire(log=tuple(old)), key, limit)
        old.append((key, _NOBODY if record is None else record.op_id))
    while old and old[-1][1] == _NOBODY:
        old.pop()
    return Plan(Expire(log=tuple(old)) if old else None, None, len(old))


def _entry(place: bytes, data: bytes) -> OperationRecord | None:
    """Return an entry of the log, None if it is damaged."""
    try:
        found: OperationRecord = decode("L", place, data)
    except StoreCorrupt:
        return None
    return found


def plan_threads(
    snapshot: Snapshot,
    policy: Retention,
    now_us: int,
    cursor: bytes = b"",
    limit: int = 500,
    only: str | None = None,
) -> Plan:
    """Return what is past its time among threads, their associations, runs and states.

    Args:
        snapshot: the store.
        policy: what is kept.
        now_us: microseconds since the Unix epoch.
        cursor: where the look before ended.
        limit: how many entries to visit, and records to name, at the most.
        only: look at this thread, by ``policy.history`` whatever its own policy is.
    """
    look = _Look(snapshot, policy, now_us, limit, forced=only is not None)
    prefix = b"" if only is None else pack_id(only)
    for key, data in snapshot.entries("T", prefix, start=cursor or None):
        if look.visited >= limit or look.room <= 0:
            return Plan(look.operation(), key, look.visited)
        try:
            done = look.visit(key, data)
        except StoreCorrupt:
            continue
        if not done:  # it has more states than one plan takes: it is visited again
            return Plan(look.operation(), key, look.visited)
    return Plan(look.operation(), None, look.visited)


class _Look:
    """One look at threads, and what it has named so far."""

    def __init__(
        self,
        snapshot: Snapshot,
        policy: Retention,
        now_us: int,
        limit: int,
        *,
        forced: bool,
    ) -> None:
        self._snapshot = snapshot
        self._policy = policy
        self._now_us = now_us
        self._forced = forced
        self._stones_us = _before(policy.tombstones_s, now_us)
        self._rows_us = _before(policy.associations_s, now_us)
        self._runs_us = _before(policy.runs_s, now_us)
        self._threads: list[tuple[str, int, int]] = []
        self._stones: list[tuple[str, int]] = []
        self._rows: list[tuple[str, str, int]] = []
        self._runs: list[tuple[str, str]] = []
        self._states: list[tuple[str, int, int]] = []
        self._checkpoints: list[tuple[str, int, int]] = []
        self.room = limit
        self.visited = 0

    def operation(self) -> Expire | None:
        """Return what was named."""
        made = Expire(
            threads=tuple(self._threads),
            tombstones=tuple(self._stones),
            associations=tuple(self._rows),
            runs=tuple(self._runs),
            states=tuple(self._states),
            checkpoints=tuple(self._checkpoints),
        )
        return None if made == Expire() else made

    def visit(self, key: bytes, data: bytes) -> bool:
        """Judge one entry; whether the look is done with it."""
        self.visited += 1
        thread_id, end = unpack_id(key)
        kind = key[end : end + 1]
        if kind == _RUN:
            if self._runs_us:
                self._judge_run(thread_id, unpack_id(key, end + 1)[0])
            return True
        record = decode("T", key, data)
        if kind == _ROW:
            self._judge_row(record)
            return True
        if isinstance(record, Tombstone):
            self._judge_stone(record)
            return True
        return self._judge_thread(record)

    def _judge_run(self, thread_id: str, run_id: str) -> None:
        run = self._snapshot.run(run_id)
        end_us = None if run is None else run.finished_at_us
        if end_us is not None and end_us < self._runs_us:
            self._runs.append((thread_id, run_id))
            self.room -= 1

    def _judge_row(self, row: Association) -> None:
        if not row.is_active and row.updated_at_us < self._rows_us:
            self._rows.append((row.thread_id, row.session_id, row.version))
            self.room -= 1

    def _judge_stone(self, stone: Tombstone) -> None:
        """A tombstone goes once nothing else is left of its thread."""
        if stone.removed_at_us < self._stones_us:
            rows = self._snapshot.associations_by_thread(stone.thread_id)
            if next(rows, None) is None:
                self._stones.append((stone.thread_id, stone.rev))
                self.room -= 1

    def _judge_thread(self, thread: Thread) -> bool:
        history = self._policy.history if self._forced else self._history(thread)
        if history is None:
            return True
        before_us = self._now_us - int(history.ttl_s * _S_TO_US)
        self.visited += _HISTORY_ENTRIES
        head = self._snapshot.state(thread.thread_id)
        if history.strategy == "delete":
            self._judge_idle(thread, head, before_us)
            return True
        if thread.run_id is None:
            self._judge_graph(thread.thread_id, history.keep, before_us)
        if head is None:
            return True
        return self._judge_states(thread.thread_id, head.step - history.keep, before_us)

    def _history(self, thread: Thread) -> History | None:
        if HISTORY_KEY.encode() in bytes(thread.config_raw):
            try:
                return msgspec.convert(thread.config.get(HISTORY_KEY), History)
            except msgspec.ValidationError:
                return None  # a word of the user's own, or a typing error: keep all
        return self._policy.history

    def _judge_idle(self, thread: Thread, head: State | None, before_us: int) -> None:
        last_us = max(thread.updated_at_us, head.created_at_us if head else 0)
        if thread.run_id is None and last_us < before_us:
            step = 0 if head is None else head.step
            self._threads.append((thread.thread_id, thread.updated_seq, step))
            self.room -= 1

    def _judge_states(self, thread_id: str, last: int, before_us: int) -> bool:
        """Name the states up to a step; whether that is all of them."""
        first = found = 0
        for state in self._oldest(thread_id):
            if state.step > last or state.created_at_us >= before_us:
                break
            if found >= self.room:
                self._name_states(thread_id, first, found)
                return False
            first = first or state.step
            found += 1
        self._name_states(thread_id, first, found)
        return True

    def _judge_graph(self, thread_id: str, keep: int, before_us: int) -> None:
        """Name the old checkpoints of a thread: all of them, or none."""
        graph = Graph(thread_id, self._has_value)
        for key, data in self._snapshot.entries("C", namespace_prefix(thread_id)):
            self.visited += 1
            graph.add(key, decode("C", key, data))
        old = len(graph.old(keep, before_us)) if len(graph.checkpoints) > 1 else 0
        if old:
            self._checkpoints.append((thread_id, keep, before_us))
            self.room -= old

    def _has_value(self, key: bytes) -> bool:
        return self._snapshot.raw("C", key) is not None

    def _name_states(self, thread_id: str, first: int, count: int) -> None:
        if count:
            self._states.append((thread_id, first, first + count - 1))
            self.room -= count
            self.visited += count

    def _oldest(self, thread_id: str) -> Iterator[State]:
        for key, data in self._snapshot.entries("X", pack_id(thread_id)):
            yield decode("X", key, data)


def _before(age_s: float | None, now_us: int) -> int:
    """Return the time before which records are too old; 0 if they never are."""
    return 0 if age_s is None else now_us - int(age_s * _S_TO_US)
