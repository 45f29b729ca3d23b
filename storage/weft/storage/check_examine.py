"""The second pass of the check: look up what each entry refers to, name what is wrong.

Ownership is judged next door; here are runs, states, the log and the counters.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, Final, NamedTuple

from weft.storage import keys
from weft.storage.check_lookup import Kind, run_ids
from weft.storage.check_queue import Queues
from weft.storage.check_raw import threads_that_name
from weft.storage.check_scan import DAMAGED, Counting, Entry, follows, owner_of
from weft.storage.ids import pack_id, unpack_id
from weft.storage.records import (
    Counters,
    OperationRecord,
    Run,
    Thread,
    Tombstone,
)
from weft.storage.snapshot import Snapshot

__all__ = ["PARTS", "Examiner", "Part"]


class Part(NamedTuple):
    """A stretch of the store that is looked at in one way."""

    name: str
    tree: str
    prefix: bytes = b""
    at: int | None = 0
    start: bytes | None = None


PARTS: Final = (
    Part("S", "S"),
    Part("T", "T"),
    Part("R1", "R", b"\x01", 1),
    Part("R0", "R", b"\x00", 1),
    Part("R2", "R", b"\x02", 1),
    Part("R3", "R", b"\x03", 1),
    Part("X", "X"),
    Part("C0", "C", b"\x00", 1),
    Part("C", "C", start=b"\x01"),
    Part("I", "I"),
    Part("K", "K", at=None),
    Part("L", "L", at=None),
    Part("O", "O"),
)
"""The whole store, but for the counters."""


class Examiner(Queues):
    """Walks over the whole store, or what one session leads to."""

    def __init__(self, snapshot: Snapshot, progress: Counting) -> None:
        super().__init__(snapshot, progress)
        self._gaps: list[tuple[bytes, bytes]] = []

    def examine(self, part: "Part", entries: Iterable[Entry]) -> None:
        """Look at entries of a part of the store.

        Args:
            part: where they are from.
            entries: in order; those of one thread all together.
        """
        judge: Callable[[Iterable[Entry]], None] = {
            "S": self._all_sessions,
            "T": self._all_threads,
            "R1": self._all_runs,
            "R0": self._live_runs,
            "R2": self._queue,
            "R3": self._steps,
            "X": self._all_states,
            "C0": self._graph_runs,
            "C": self._all_graphs,
            "I": self._all_interactions,
            "K": _read_all,
            "L": self._log,
            "O": self._log_index,
        }[part.name]
        judge(entries)

    def _all_sessions(self, entries: Iterable[Entry]) -> None:
        for session_id, group in groupby(entries, owner_of):
            self._session(session_id, group)

    def _all_threads(self, entries: Iterable[Entry]) -> None:
        for thread_id, group in groupby(entries, owner_of):
            self._thread(thread_id, group)

    def _all_runs(self, entries: Iterable[Entry]) -> None:
        for _, _, run in entries:
            self._run(run)

    def _live_runs(self, entries: Iterable[Entry]) -> None:
        for run_id, _, thread_id in entries:
            if thread_id is not DAMAGED:
                self._points(run_id, thread_id, "The index of live runs", live=True)

    def _all_states(self, entries: Iterable[Entry]) -> None:
        for thread_id, _ in groupby(entries, owner_of):
            self._stateful(thread_id)

    def _all_interactions(self, entries: Iterable[Entry]) -> None:
        for session_id, _ in groupby(entries, owner_of):
            self._interactive(session_id)

    def examine_session(self, session_id: str) -> None:
        """Look at the entries of a session and of the threads in its indexes."""
        packed = pack_id(session_id)
        own = self.own_entries(session_id)
        thread_ids = [value for _, _, value in own if type(value) is str]
        thread_ids += [unpack_id(r, 1)[0] for _, r, v in own if type(v) is bool]
        for thread_id in dict.fromkeys(thread_ids):
            self.whole_thread(thread_id)
        for _ in self.entries("I", packed):
            self._interactive(session_id)

    def examine_unlisted(self, session_ids: Iterable[str]) -> None:
        """Look at the threads that name these sessions, whoever lists them."""
        found = threads_that_name(self.snapshot, session_ids)
        try:
            thread_ids = dict.fromkeys(unpack_id(key)[0] for key in found)
        except (ValueError, IndexError):  # a value that is none: leave it to others
            return
        for thread_id in thread_ids:
            self.whole_thread(thread_id)

    def own_entries(self, session_id: str) -> list[Entry]:
        """Look at a session, its list and its past; return the entries."""
        own = list(self.entries("S", pack_id(session_id)))
        if own:
            self._session(session_id, own)
        return own

    def whole_thread(self, thread_id: str) -> None:
        """Look at a thread with its runs and states."""
        packed = pack_id(thread_id)
        group = list(self.entries("T", packed))
        self._thread(thread_id, group)
        for run_id in run_ids(group):
            self._run(self._get(keys.run_key(run_id)))
            self._steps(self.entries("R", b"\x03" + pack_id(run_id), 1))
        self._queue(self.entries("R", b"\x02" + packed, 1))
        for _ in self.entries("X", packed):
            self._stateful(thread_id)
        left = list(self.entries("C", packed))
        if left:
            self._graph(thread_id, left)

    def compare_counters(self, recount: Counters) -> None:
        """Compare the stored counters with a recount."""
        stored = self._get(keys.COUNTERS_KEY)
        if stored is DAMAGED:
            return
        stored = stored or Counters()
        allowed = Counter(
            field for f in self.findings for field in _UNSETTLES.get(f.kind, ())
        )
        for field in Counters.__struct_fields__:
            old, new = getattr(stored, field), getattr(recount, field)
            if _distance(old, new) > allowed[field]:
                self._tell(
                    "counter_mismatch",
                    None,
                    None,
                    f"The counters say {field}: {old}; there are {new}.",
                    about=field,
                    items=_corrections(field, old, new),
                )

    def _run(self, run: Any) -> None:
        if not isinstance(run, Run) or run.thread_id in self._orphans:
            return
        run_id, thread_id = run.run_id, run.thread_id
        thread = self._get(keys.thread_key(thread_id))
        if thread is DAMAGED:
            return
        if not isinstance(thread, Thread):
            detail = f"Run {run_id!r} is of thread {thread_id!r}, which is not there."
            self._tell("run_without_thread", None, thread_id, detail, items=(run_id,))
            return
        leaves_out: list[str] = []
        if self._get(keys.thread_run_key(thread_id, run_id)) is None:
            leaves_out.append("the run index")
        if run.is_in_progress:
            if self._get(keys.live_run_key(run_id)) is None:
                leaves_out.append("the index of live runs")
            if thread.run_id != run_id:
                leaves_out.append("the thread's record")
        if run.is_queued:
            self._waits(run, thread.session_id)
        if leaves_out:
            self._tell(
                "missing_index_entry",
                thread.session_id,
                thread_id,
                f"Run {run_id!r} of thread {thread_id!r} ({run.status}) is left out "
                f"by {' and '.join(leaves_out)}.",
                about=("run", run_id),
                index="runs",
                items=(run_id,),
            )

    def _stateful(self, thread_id: str) -> None:
        thread = self._get(keys.thread_key(thread_id))
        gone = thread is None or isinstance(thread, Tombstone)
        if gone and thread_id not in self._orphans:
            detail = f"There are states of thread {thread_id!r}, which is not there."
            self._tell("state_without_thread", None, thread_id, detail)

    def _interactive(self, session_id: str) -> None:
        if self._get(keys.session_key(session_id)) is None:
            self._no_session(session_id, "has no record, yet interactions")

    def _log(self, entries: Iterable[Entry]) -> None:
        last = b""
        for _, where, record in entries:
            if last and not follows(last, where):
                self.gap(last, where)
            last = where
            if record is not DAMAGED:
                self._logged(where, record.op_id)

    def gap(self, last: bytes, where: bytes) -> None:
        """Tell of two entries of the log between which others are missing."""
        self._gaps.append((last, where))
        detail = f"In the log {_spell(where)} comes next after {_spell(last)}."
        items = (where.hex(),)
        self._tell("log_gap", None, None, detail, about=where, items=items)

    def _log_index(self, entries: Iterable[Entry]) -> None:
        for op_id, _, where in entries:
            if where is not DAMAGED:
                self._indexed(op_id, where)

    def _indexed(self, op_id: str, where: bytes) -> None:
        """Judge whether an entry of the index of operations leads to its own."""
        if any(low < where < high for low, high in self._gaps):
            return
        record = self._get(keys.log_key(where))
        if record is None or (record is not DAMAGED and record.op_id != op_id):
            self._tell(
                "dangling_index_entry",
                None,
                None,
                f"The index has operation {op_id!r} at {_spell(where)}. "
                "It is not there.",
                about=("operation", op_id),
                index="operations",
                items=(op_id,),
            )

    def _logged(self, where: bytes, op_id: str) -> None:
        """Judge whether the index of operations leads to an entry of the log."""
        indexed = self._get(keys.operation_key(op_id))
        if indexed in (where, DAMAGED):
            return
        if indexed is not None:
            other = self._get(keys.log_key(indexed))
            if not isinstance(other, OperationRecord) or other.op_id != op_id:
                return  # the index has it elsewhere, and is told of for that
        detail = f"The index leaves out operation {op_id!r}, at {_spell(where)}."
        self._tell(
            "missing_index_entry",
            None,
            None,
            detail,
            about=("operation", op_id),
            index="operations",
            items=(op_id, where.hex()),
        )


def _read_all(entries: Iterable[Entry]) -> None:
    """Look at entries that lean on nothing: reading them is all there is to do."""
    for _ in entries:
        pass


_UNSETTLES: Final[dict[Kind, tuple[str, ...]]] = {
    "name_collision": ("threads", "associations"),
    "orphan_thread": ("threads", "tombstones"),
    "duplicate_owner": ("associations",),
    "missing_association": ("associations",),
    "orphan_association": ("associations", "tombstones"),
    "dangling_index_entry": ("associations", "runs", "graph_entries"),
    "missing_index_entry": ("graph_entries",),
    "checkpoint_without_thread": ("graph_entries",),
    "value_without_checkpoint": ("graph_entries",),
    "broken_checkpoint": ("graph_entries",),
    "run_without_thread": ("runs",),
    "state_without_thread": ("states",),
    "thread_without_session": ("sessions", "interactions"),
    "damaged_record": Counters.__struct_fields__,
}
"""The counters that may be off by one for each finding of a kind: the record that is
missing or too many was, or was not, counted."""


def _distance(old: Any, new: Any) -> int:
    """Return how many records lie between two counts."""
    if isinstance(old, int):
        return abs(int(old) - int(new))
    steps = [int(old.get(name, 0) - new.get(name, 0)) for name in {*old, *new}]
    return max(sum(s for s in steps if s > 0), -sum(s for s in steps if s < 0))


def _corrections(field: str, old: Any, new: Any) -> list[str]:
    """Return what is to be added to a counter, as ``field=1`` or ``field.status=1``."""
    if isinstance(old, int):
        return [f"{field}={new - old}"]
    return [
        f"{field}.{status}={new.get(status, 0) - old.get(status, 0)}"
        for status in sorted({*old, *new})
        if new.get(status, 0) != old.get(status, 0)
    ]


def _spell(place: bytes) -> str:
    seq, refusals = int.from_bytes(place[:8]), int.from_bytes(place[8:])
    return f"seq {seq}" + (f", refusal {refusals}" if refusals else "")
