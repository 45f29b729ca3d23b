"""The second pass of the check: look up what each entry refers to, name what is wrong.

Ownership is judged next door; here are runs, states, the log and the counters.
"""

from collections import Counter
from typing import Any, Final

from weft.storage import keys
from weft.storage.check_lookup import Kind, run_ids
from weft.storage.check_ownership import Ownership
from weft.storage.check_scan import DAMAGED, follows
from weft.storage.ids import pack_id, unpack_id
from weft.storage.records import (
    Counters,
    OperationRecord,
    Run,
    Thread,
    Tombstone,
)

__all__ = ["Examiner"]


class Examiner(Ownership):
    """Walks over the whole store, or what one session leads to."""

    def examine_all(self) -> None:
        """Look at every entry; lists come first, for they excuse what follows."""
        for session_id, group in self.groups("S"):
            self._session(session_id, group)
        for thread_id, group in self.groups("T"):
            self._thread(thread_id, group)
        for _, _, run in self.entries("R", b"\x01", 1):
            self._run(run)
        for run_id, _, thread_id in self.entries("R", b"\x00", 1):
            if thread_id is not DAMAGED:
                self._points(run_id, thread_id, "The index of live runs", live=True)
        for thread_id, _ in self.groups("X"):
            self._stateful(thread_id)
        for session_id, _ in self.groups("I"):
            self._interactive(session_id)
        self._log()

    def examine_session(self, session_id: str) -> None:
        """Look at the entries of a session and of the threads in its indexes."""
        packed = pack_id(session_id)
        own = list(self.entries("S", packed))
        if own:
            self._session(session_id, own)
        thread_ids = [value for _, _, value in own if type(value) is str]
        thread_ids += [unpack_id(r, 1)[0] for _, r, v in own if type(v) is bool]
        for thread_id in dict.fromkeys(thread_ids):
            packed_thread = pack_id(thread_id)
            group = list(self.entries("T", packed_thread))
            self._thread(thread_id, group)
            for run_id in run_ids(group):
                self._run(self._get(keys.run_key(run_id)))
            for _ in self.entries("X", packed_thread):
                self._stateful(thread_id)
        for _ in self.entries("I", packed):
            self._interactive(session_id)

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
            self._tell("run_without_thread", None, thread_id, detail)
            return
        leaves_out = []
        if self._get(keys.thread_run_key(thread_id, run_id)) is None:
            leaves_out.append("the run index")
        if run.finished_at_us is None:
            if self._get(keys.live_run_key(run_id)) is None:
                leaves_out.append("the index of live runs")
            if thread.run_id != run_id:
                leaves_out.append("the thread's record")
        if leaves_out:
            self._tell(
                "missing_index_entry",
                thread.session_id,
                thread_id,
                f"Run {run_id!r} of thread {thread_id!r} ({run.status}) is left out "
                f"by {' and '.join(leaves_out)}.",
                about=("run", run_id),
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

    def _log(self) -> None:
        last, gaps = b"", []
        for _, where, record in self.entries("L", at=None):
            if last and not follows(last, where):
                gaps.append((last, where))
                detail = f"In the log {_spell(where)} comes next after {_spell(last)}."
                self._tell("log_gap", None, None, detail, about=where)
            last = where
            if record is not DAMAGED:
                self._logged(where, record.op_id)
        for op_id, _, where in self.entries("O"):
            if where is DAMAGED or any(low < where < high for low, high in gaps):
                continue
            record = self._get(keys.log_key(where))
            if record is None or (record is not DAMAGED and record.op_id != op_id):
                detail = f"The index has operation {op_id!r} at {_spell(where)}."
                self._tell(
                    "dangling_index_entry",
                    None,
                    None,
                    f"{detail} It is not there.",
                    about=("operation", op_id),
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
        about = ("operation", op_id)
        self._tell("missing_index_entry", None, None, detail, about=about)


_UNSETTLES: Final[dict[Kind, tuple[str, ...]]] = {
    "orphan_thread": ("threads", "tombstones"),
    "duplicate_owner": ("associations",),
    "missing_association": ("associations",),
    "orphan_association": ("associations", "tombstones"),
    "dangling_index_entry": ("associations", "runs"),
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


def _spell(place: bytes) -> str:
    seq, refusals = int.from_bytes(place[:8]), int.from_bytes(place[8:])
    return f"seq {seq}" + (f", refusal {refusals}" if refusals else "")
