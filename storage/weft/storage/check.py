"""The three-way check: sessions, threads, associations and every index, compared.

One fact is stored in several places so that each question costs one read; the rules
keep the copies equal, this proves it. A first pass scans every tree once, in order,
without lookups: two copies of a fact enter a sum with opposite signs, so equal sets
cancel out (two sets that differ pass with a chance of 2**-64). Only if something is
left over, a second pass looks every reference up and names the findings.

====================== ===============================================================
kind                   what was found
====================== ===============================================================
orphan_thread          a session lists a thread that has no record or was removed
missing_thread         a thread that no session lists: its record names one
owner_mismatch         a session lists a thread whose record names another, which does
                       not list it by its name
duplicate_owner        a session lists a thread, or has an active association with it,
                       and so does its owner
missing_association    a live thread without an active association with its owner
orphan_association     an association with a thread that never was, or an active one
                       with a removed thread or a thread that its owner has none with
name_mismatch          record, list and active association give a thread two names
dangling_index_entry   a second name of a thread in its session; an entry of the past,
                       run or operation index, or a busy thread, that points to nothing
missing_index_entry    a past association, run (in progress: also unnamed by its
                       thread) or log entry that its index leaves out
run_without_thread     runs of a thread that has no record or was removed
state_without_thread   states of such a thread
thread_without_session a session without a record that owns or owned something, or a
                       closed one that lists threads
log_gap                consecutive entries of the log are not numbered so
counter_mismatch       the stored counters differ from a recount by more records than
                       the other findings account for
damaged_record         a value that is not what was written under its key
====================== ===============================================================

Guarantees:
    * a root is told once, what follows from it is not: of a thread found as
      orphan_thread nothing else is judged (its associations, states and runs go with
      it), a session without a record is one finding however much it owns, runs and
      states are one per thread, a run in three indexes is one;
    * what cannot be read is told and counts as right wherever it is referred to.

It takes seconds per million threads and holds one read transaction all the while and
no longer; a store that is written to meanwhile grows by the pages it cannot reuse.

Not here: repair; the file's own structure, which only the engine can verify.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, Literal, get_args

import msgspec

from weft.storage import keys
from weft.storage.codec import decode
from weft.storage.errors import StoreCorrupt
from weft.storage.ids import pack_id, unpack_id
from weft.storage.records import (
    Association,
    Counters,
    Interaction,
    OperationRecord,
    Run,
    Session,
    State,
    Thread,
    Tombstone,
)
from weft.storage.snapshot import Snapshot
from weft.storage.statistics import Histogram, HistogramSnapshot

__all__ = [
    "KINDS",
    "CheckReport",
    "CheckStatistics",
    "CheckStatisticsSnapshot",
    "Inconsistency",
    "Kind",
    "check",
]

Kind = Literal[
    "orphan_thread",
    "missing_thread",
    "owner_mismatch",
    "duplicate_owner",
    "missing_association",
    "orphan_association",
    "name_mismatch",
    "dangling_index_entry",
    "missing_index_entry",
    "run_without_thread",
    "state_without_thread",
    "thread_without_session",
    "log_gap",
    "counter_mismatch",
    "damaged_record",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

PROGRESS_ENTRIES: Final = 10_000
"""Between two calls of ``progress``: some 25 ms."""

Progress = Callable[[int, int], None]


class Inconsistency(msgspec.Struct, frozen=True):
    """One place where the copies disagree.

    Attributes:
        session_id: the session to look at, None where none is known.
        thread_id: the thread to look at, None where it is about none.
        detail: the facts found, in a sentence.
    """

    kind: Kind
    session_id: str | None
    thread_id: str | None
    detail: str


class CheckReport(msgspec.Struct, frozen=True):
    """What a check looked at and found.

    Attributes:
        threads: live ones.
        operations: entries of the log, refused ones as well.
        duration_s: in seconds.
        seq: the moment checked: the last applied operation.
        finished_at_us: microseconds since the Unix epoch.
    """

    inconsistencies: list[Inconsistency]
    sessions: int
    threads: int
    associations: int
    states: int
    runs: int
    operations: int
    duration_s: float
    seq: int
    finished_at_us: int

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.inconsistencies


class CheckStatisticsSnapshot(msgspec.Struct, frozen=True):
    """What the checks found so far.

    Attributes:
        checks: how many were made.
        findings: of all checks, by kind.
        last_findings: of the last check, by kind.
        last_clean_at_us: when a check last found nothing, microseconds since the
            epoch; None before the first.
        duration_ns: of the checks.
    """

    checks: int
    findings: dict[str, int]
    last_findings: dict[str, int]
    last_clean_at_us: int | None
    duration_ns: HistogramSnapshot


class CheckStatistics:
    """Counts checks of the whole store, in plain slots."""

    __slots__ = ("_checks", "_duration", "_findings", "_last", "_last_clean_at_us")

    def __init__(self) -> None:
        self._checks = 0
        self._findings: dict[str, int] = dict.fromkeys(KINDS, 0)
        self._last: dict[str, int] = dict.fromkeys(KINDS, 0)
        self._last_clean_at_us: int | None = None
        self._duration = Histogram()

    def record(self, report: CheckReport) -> None:
        """Count a check that has ended."""
        found = Counter[str](finding.kind for finding in report.inconsistencies)
        self._checks += 1
        self._last = {kind: found[kind] for kind in KINDS}
        self._findings = {k: n + found[k] for k, n in self._findings.items()}
        if report.clean:
            self._last_clean_at_us = report.finished_at_us
        self._duration.observe(int(report.duration_s * 1e9))

    def statistics(self) -> CheckStatisticsSnapshot:
        """Return what was found so far; every kind has a number."""
        return CheckStatisticsSnapshot(
            self._checks,
            self._findings,
            self._last,
            self._last_clean_at_us,
            self._duration.snapshot(),
        )


def check(
    snapshot: Snapshot,
    *,
    session_id: str | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """Compare all copies of who owns what, at one moment.

    Args:
        snapshot: the moment; its read transaction lasts as long as the check.
        session_id: look only at what this session's indexes lead to, at the cost of
            its size. What they do not lead to (missing_thread, an unindexed run, the
            log, the counters) takes a check of the whole store.
        progress: told the entries done and an estimate of all, every 10,000.

    Returns:
        the findings and what was looked at.
    """
    started_s = time.perf_counter()
    counting = _Counting(snapshot, progress)
    sweep, examiner = _Sweep(snapshot, counting), _Examiner(snapshot, counting)
    if session_id is not None:
        examiner.examine_session(session_id)
    else:
        if not sweep.balances():
            examiner.examine_all()
        examiner.compare_counters(sweep.recount)
    seen = examiner.seen if session_id is not None else sweep.seen
    return CheckReport(
        [f for f in examiner.findings if session_id in {None, f.session_id}],
        sessions=seen[Session],
        threads=seen[Thread],
        associations=seen[Association],
        states=seen[State],
        runs=seen[Run],
        operations=seen[OperationRecord],
        duration_s=time.perf_counter() - started_s,
        seq=snapshot.seq,
        finished_at_us=time.time_ns() // 1000,
    )


_DAMAGED: Final = object()
_ELSEWHERE: Final = "it belongs under another key"
_PLACE_SIZE_BYTES: Final = len(keys.log_place(0))

_Raw = tuple[bytes, bytes]
_Entry = tuple[str, bytes, Any]
_owner: Final = itemgetter(0)

# By tree and type: whether a value belongs under the id and the rest of its key.
_FITS: Final[dict[str, dict[type, Callable[[str, bytes, Any], bool]]]] = {
    "S": {
        Session: lambda i, rest, v: rest == b"\x00" and v.session_id == i,
        str: lambda _, rest, __: rest[:1] == b"\x01",
        bool: lambda _, rest, __: rest[:1] == b"\x02",
    },
    "T": {
        Thread: lambda i, rest, v: rest == b"\x00" and v.thread_id == i,
        Tombstone: lambda i, rest, v: rest == b"\x00" and v.thread_id == i,
        Association: lambda i, rest, v: (
            rest[:1] == b"\x01"
            and v.thread_id == i
            and v.session_id == unpack_id(rest, 1)[0]
        ),
        bool: lambda _, rest, __: rest[:1] == b"\x02",
    },
    "R": {
        str: lambda _, rest, __: not rest,
        Run: lambda i, rest, v: not rest and v.run_id == i,
    },
    "X": {
        State: lambda i, rest, v: v.thread_id == i and v.step == int.from_bytes(rest)
    },
    "I": {Interaction: lambda i, _, v: v.session_id == i},
    "L": {OperationRecord: lambda _, rest, __: len(rest) == _PLACE_SIZE_BYTES},
    "O": {bytes: lambda _, rest, v: not rest and len(v) == _PLACE_SIZE_BYTES},
}


def _follows(last: bytes, place: bytes) -> bool:
    """Whether two places of the log are consecutive: the next refusal or seq."""
    before, this = int.from_bytes(last), int.from_bytes(place)
    return this == before + 1 or this == (before >> 64) + 1 << 64


def _estimate(snapshot: Snapshot) -> int:
    """Return about how many entries there are, as the store itself counts them."""
    log = next(snapshot.entries("L"), None)
    total = 0
    if log is not None:
        total += 2 * (snapshot.seq - int.from_bytes(log[0][:8]) + 1)
    with suppress(StoreCorrupt):  # the check itself tells of that
        held = snapshot.counters
        total += sum(held.sessions.values()) + sum(held.threads.values())
        total += held.tombstones + 2 * held.associations + held.states
        total += 2 * sum(held.runs.values()) + held.interactions
    return total


class _Counting:
    """Counts entries over all passes; a second pass doubles what is to be done."""

    def __init__(self, snapshot: Snapshot, tell: Progress | None) -> None:
        self._tell = tell
        self._done = 0
        self._total = 0 if tell is None else _estimate(snapshot)

    def count(self, entries: Iterator[_Raw]) -> Iterator[_Raw]:
        """Pass entries on and tell their number."""
        return entries if self._tell is None else self._counted(entries, self._tell)

    def _counted(self, entries: Iterator[_Raw], tell: Progress) -> Iterator[_Raw]:
        for entry in entries:
            self._done += 1
            if self._done % PROGRESS_ENTRIES == 0:
                tell(self._done, max(self._done, self._total))
            yield entry


class _Pass:
    """Reads trees entry by entry, and goes on behind what is damaged."""

    def __init__(self, snapshot: Snapshot, progress: _Counting) -> None:
        self.snapshot = snapshot
        self.seen: Counter[type] = Counter()
        self._progress = progress

    def entries(
        self, tree: str, prefix: bytes = b"", at: int | None = 0
    ) -> Iterator[_Entry]:
        """Yield the id in each key, the rest of the key, and the value.

        Args:
            tree: the tree's name.
            prefix: what the keys begin with.
            at: where the id begins; None where there is none.
        """
        fits, seen = _FITS[tree], self.seen
        owner, end, head = "", 0, b"" if at is None else b"\xff"
        for key, data in self._progress.count(self.snapshot.entries(tree, prefix)):
            if at is not None and not key.startswith(head):
                try:
                    owner, end = unpack_id(key, at)
                except ValueError as error:
                    self.damaged(tree, key, str(error))
                    continue
                head = key[:end]
            rest = key[end:]
            try:
                value = decode(tree, key, data)
            except StoreCorrupt as error:
                self.damaged(tree, key, error.details["reason"])
                yield owner, rest, _DAMAGED
                continue
            kind = type(value)
            belongs = fits.get(kind)
            if belongs is None or not belongs(owner, rest, value):
                self.damaged(tree, key, _ELSEWHERE)
                value = _DAMAGED
            else:
                seen[kind] += 1
            yield owner, rest, value

    def groups(self, tree: str) -> Iterator[tuple[str, Iterator[_Entry]]]:
        """Yield a tree's entries together by id."""
        return groupby(self.entries(tree), _owner)

    def damaged(self, tree: str, key: bytes, why: str) -> None:
        """Take note of a value that cannot be trusted."""
        raise NotImplementedError


class _Followers:
    """Ids met in one tree that must be met in another, which has the same order."""

    def __init__(self, groups: Iterator[tuple[str, Iterator[_Entry]]]) -> None:
        self._groups = groups
        self.waiting: str | None = None
        self._step()

    def _step(self) -> None:
        self.waiting = next((owner for owner, _ in self._groups), None)

    def meet(self, owner: str) -> None:
        """Let the first that waits go if this is its owner."""
        if self.waiting == owner:
            self._step()

    def strand(self) -> bool:
        """Read the rest; whether there was somebody whom nobody met."""
        stranded = self.waiting is not None
        while self.waiting is not None:
            self._step()
        return stranded


class _Sweep(_Pass):
    """The first pass: adds up both copies of each fact, and counts."""

    def __init__(self, snapshot: Snapshot, progress: _Counting) -> None:
        super().__init__(snapshot, progress)
        self.recount = Counters()
        self.odd = False
        self._names = self._pasts = self._runs = self._live = self._busy = 0
        self._log = 0

    def balances(self) -> bool:
        """Return whether no copy differs."""
        self._sessions()
        self._threads()
        self._all_runs()
        self._operations()
        self._count()
        sums = (self._names, self._pasts, self._runs, self._live, self._busy, self._log)
        return not (self.odd or any(sums))

    def damaged(self, tree: str, key: bytes, why: str) -> None:  # noqa: ARG002
        """Leave the naming to the second pass."""
        self.odd = True

    def _sessions(self) -> None:
        interactions = _Followers(self.groups("I"))
        for session_id, group in self.groups("S"):
            status, listed = "", False
            for _, rest, value in group:
                kind = type(value)
                if kind is str:
                    listed = True
                    self._names += hash((session_id, rest[1:].decode(), value))
                elif kind is bool:
                    self._pasts += hash((session_id, unpack_id(rest, 1)[0]))
                elif kind is Session:
                    status = value.status
                    _bump(self.recount.sessions, status)
            self.odd |= not status or (listed and status != "open")
            interactions.meet(session_id)
        self.odd |= interactions.strand()

    def _threads(self) -> None:
        states = _Followers(self.groups("X"))
        for thread_id, group in self.groups("T"):
            if self._thread(thread_id, group):
                states.meet(thread_id)
        self.odd |= states.strand()

    def _thread(self, thread_id: str, group: Iterator[_Entry]) -> bool:
        """Add up a thread's entries; return whether it is live."""
        head: Any = None
        active = 0
        for _, rest, value in group:
            kind = type(value)
            if kind is Association:
                if not value.is_active:
                    self._pasts -= hash((value.session_id, thread_id))
                elif (
                    type(head) is Thread
                    and value.session_id == head.session_id
                    and value.thread_name == head.thread_name
                ):
                    active += 1
                else:
                    self.odd = True
            elif kind is bool:
                self.odd |= type(head) is not Thread
                self._runs -= hash((unpack_id(rest, 1)[0], thread_id))
            elif kind is Thread or kind is Tombstone:
                head = value
        if type(head) is not Thread:
            self.odd |= head is None
            return False
        self.odd |= active != 1
        self._names -= hash((head.session_id, head.thread_name, thread_id))
        if head.run_id is not None:
            self._busy -= hash((head.run_id, thread_id))
        _bump(self.recount.threads, head.status)
        return True

    def _all_runs(self) -> None:
        for run_id, _, run in self.entries("R", b"\x01", 1):
            if run is not _DAMAGED:
                fact = hash((run_id, run.thread_id))
                self._runs += fact
                if run.finished_at_us is None:
                    self._live += fact
                    self._busy += fact
                _bump(self.recount.runs, run.status)
        for run_id, _, thread_id in self.entries("R", b"\x00", 1):
            self._live -= hash((run_id, thread_id))

    def _operations(self) -> None:
        last = b""
        for _, place, record in self.entries("L", at=None):
            if last and not _follows(last, place):
                self.odd = True
            last = place
            if record is not _DAMAGED:
                self._log += hash((record.op_id, place))
        for op_id, _, place in self.entries("O"):
            self._log -= hash((op_id, place))

    def _count(self) -> None:
        recount, seen = self.recount, self.seen
        recount.states, recount.interactions = seen[State], seen[Interaction]
        recount.associations, recount.tombstones = seen[Association], seen[Tombstone]


def _bump(counts: dict[str, int], status: str) -> None:
    counts[status] = counts.get(status, 0) + 1


class _Examiner(_Pass):
    """The second pass: looks up what each entry refers to, and names what is wrong."""

    def __init__(self, snapshot: Snapshot, progress: _Counting) -> None:
        super().__init__(snapshot, progress)
        self._found: dict[tuple[Any, ...], Inconsistency] = {}
        self._orphans: set[str] = set()  # threads told as orphan_thread
        self._claims: dict[str, set[str]] = {}  # by thread: odd sessions listing it

    @property
    def findings(self) -> list[Inconsistency]:
        """What was found so far."""
        return list(self._found.values())

    def examine_all(self) -> None:
        """Look at every entry; lists come first, for they excuse what follows."""
        for session_id, group in self.groups("S"):
            self._session(session_id, group)
        for thread_id, group in self.groups("T"):
            self._thread(thread_id, group)
        for _, _, run in self.entries("R", b"\x01", 1):
            self._run(run)
        for run_id, _, thread_id in self.entries("R", b"\x00", 1):
            if thread_id is not _DAMAGED:
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
            for run_id in _run_ids(group):
                self._run(self._get(keys.run_key(run_id)))
            for _ in self.entries("X", packed_thread):
                self._stateful(thread_id)
        for _ in self.entries("I", packed):
            self._interactive(session_id)

    def compare_counters(self, recount: Counters) -> None:
        """Compare the stored counters with a recount."""
        stored = self._get(keys.COUNTERS_KEY)
        if stored is _DAMAGED:
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

    def damaged(
        self, tree: str, key: bytes, why: str, session_id: str | None = None
    ) -> None:
        """Tell of a value that cannot be trusted."""
        owner, thread_id = self._whose(tree, key)
        self._tell(
            "damaged_record",
            session_id or owner,
            thread_id,
            f"The value in tree {tree} under key {key.hex()} is damaged: {why}.",
            about=(tree, key),
        )

    def _whose(self, tree: str, key: bytes) -> tuple[str | None, str | None]:
        """Return the session and thread that a key is about, as far as it tells."""
        if tree not in {"S", "T", "X", "I"}:
            return None, None
        try:
            owner, end = unpack_id(key)
            if tree in {"S", "I"}:
                return owner, None
            if tree == "T" and key[end:] == b"\x00":
                return None, owner
            if tree == "T" and key[end : end + 1] == b"\x01":
                return unpack_id(key, end + 1)[0], owner
        except ValueError:
            return None, None
        return self._session_of(owner), owner

    def _get(self, key: keys.Key, session_id: str | None = None) -> Any:
        """Return the value of a key, None or _DAMAGED."""
        tree, raw = keys.place(key)
        try:
            value = self.snapshot.get(key)
        except StoreCorrupt as error:
            self.damaged(tree, raw, error.details["reason"], session_id)
            return _DAMAGED
        own_id = _OWN_ID.get(key[0])
        if value is None or own_id is None or getattr(value, own_id, None) == key[1]:
            return value
        self.damaged(tree, raw, _ELSEWHERE, session_id)
        return _DAMAGED

    def _tell(
        self,
        kind: Kind,
        session_id: str | None,
        thread_id: str | None,
        detail: str,
        about: Any = None,
    ) -> None:
        """Tell of an inconsistency, once for each thing it is about."""
        what = (kind, (session_id, thread_id) if about is None else about)
        self._found.setdefault(what, Inconsistency(kind, session_id, thread_id, detail))

    def _session_of(self, thread_id: str) -> str | None:
        thread = self._get(keys.thread_key(thread_id))
        return thread.session_id if isinstance(thread, Thread) else None

    def _session(self, session_id: str, group: Iterable[_Entry]) -> None:
        session = self._get(keys.session_key(session_id))
        if session is None:
            self._no_session(session_id, "has no record, yet its indexes have entries")
        for _, rest, value in group:
            if type(value) is str:
                if isinstance(session, Session) and session.status != "open":
                    self._no_session(session_id, f"is closed and lists {value!r}")
                self._listed(session_id, rest[1:].decode(), value)
            elif type(value) is bool:
                self._past(session_id, unpack_id(rest, 1)[0])

    def _no_session(self, session_id: str, what: str) -> None:
        detail = f"Session {session_id!r} {what}."
        self._tell("thread_without_session", session_id, None, detail)

    def _listed(self, session_id: str, name: str, thread_id: str) -> None:
        thread = self._get(keys.thread_key(thread_id), session_id)
        listed = f"Session {session_id!r} lists thread {thread_id!r} as {name!r}; "
        if thread is None or isinstance(thread, Tombstone):
            self._orphans.add(thread_id)
            gone = "has no record" if thread is None else "was removed"
            self._tell("orphan_thread", session_id, thread_id, f"{listed}it {gone}.")
        elif thread is not _DAMAGED:
            owner, its_name = thread.session_id, thread.thread_name
            if (owner, its_name) == (session_id, name):
                return
            proper = self._get(keys.name_key(owner, its_name))
            twice = proper in (thread_id, _DAMAGED)
            if not twice:
                self._claims.setdefault(thread_id, set()).add(session_id)
            self._tell(
                _LISTED[owner == session_id, twice],
                session_id,
                thread_id,
                f"{listed}its record says {its_name!r} in session {owner!r}, "
                f"which {'lists it, too' if twice else 'does not list it so'}.",
            )

    def _past(self, session_id: str, thread_id: str) -> None:
        """Judge an entry of the past index by the association it stands for."""
        row = self._get(keys.association_key(thread_id, session_id))
        if row is None:
            why = "has no association with it"
        elif (
            row is not _DAMAGED
            and row.is_active
            and self._session_of(thread_id) == session_id
        ):
            why = "owns it now"
        else:
            return
        self._tell(
            "dangling_index_entry",
            session_id,
            thread_id,
            f"The past index of session {session_id!r} has thread {thread_id!r}; "
            f"the session {why}.",
            about=("past", session_id, thread_id),
        )

    def _thread(self, thread_id: str, group: Iterable[_Entry]) -> None:
        entries = list(group)
        thread = self._get(keys.thread_key(thread_id))
        rows = [value for _, _, value in entries if type(value) is Association]
        holders = {
            row.session_id
            for row in rows
            if row.is_active
            and self._get(keys.name_key(row.session_id, row.thread_name)) == thread_id
        }
        if isinstance(thread, Thread):
            self._owned(thread, rows, holders)
        elif thread is _DAMAGED or thread_id in self._orphans or holders:
            return
        else:
            self._unowned(thread_id, thread, rows)
        for run_id in _run_ids(entries):
            self._points(run_id, thread_id, "The run index", live=False)

    def _unowned(self, thread_id: str, stone: Any, rows: list[Association]) -> None:
        """Judge the associations of a thread that is not there and not listed."""
        for row in rows:
            if stone is None or row.is_active:
                self._tell(
                    "orphan_association",
                    row.session_id,
                    thread_id,
                    f"The association of session {row.session_id!r} is "
                    f"{'active' if row.is_active else 'inactive'}; thread "
                    f"{thread_id!r} {'has no record' if stone is None else 'is gone'}.",
                )
            else:
                self._past_entry(row)

    def _owned(
        self, thread: Thread, rows: list[Association], holders: set[str]
    ) -> None:
        """Judge a live thread's owner and its associations."""
        thread_id, session_id = thread.thread_id, thread.session_id
        entry = self._get(keys.name_key(session_id, thread.thread_name))
        claims: set[str] = set()
        if entry not in (thread_id, _DAMAGED):
            claims = holders | self._claims.get(thread_id, set())
            if not claims:
                self._tell(
                    "missing_thread",
                    session_id,
                    thread_id,
                    f"Thread {thread_id!r} is {thread.thread_name!r} in session "
                    f"{session_id!r} by its record; the session does not list it.",
                )
        if not claims and self._get(keys.session_key(session_id)) is None:
            self._no_session(session_id, f"has no record and owns {thread_id!r}")
        self._associated(thread, rows, claims | {session_id})
        if thread.run_id is not None:
            self._points(thread.run_id, thread_id, "The busy thread", live=True)

    def _associated(
        self, thread: Thread, rows: list[Association], owners: set[str]
    ) -> None:
        thread_id, session_id = thread.thread_id, thread.session_id
        owning = [row for row in rows if row.is_active and row.session_id in owners]
        held = [self._get(keys.association_key(thread_id, s)) for s in owners]
        if not owning and _DAMAGED not in held:
            detail = (
                f"Thread {thread_id!r} has no active association with its owner, "
                f"session {session_id!r}."
            )
            self._tell("missing_association", session_id, thread_id, detail)
        for row in owning:
            if row.thread_name != thread.thread_name:
                detail = (
                    f"Thread {thread_id!r} is {thread.thread_name!r} in its record "
                    f"and {row.thread_name!r} in its active association."
                )
                self._tell("name_mismatch", session_id, thread_id, detail)
        for row in rows:
            if row.session_id in owners:
                continue
            if not row.is_active:
                self._past_entry(row)
                continue
            self._tell(
                "duplicate_owner" if owning else "orphan_association",
                row.session_id,
                thread_id,
                f"Session {row.session_id!r} has an active association with thread "
                f"{thread_id!r}, whose owner is session {session_id!r}.",
            )

    def _past_entry(self, row: Association) -> None:
        if self._get(keys.past_key(row.session_id, row.thread_id)) is None:
            self._tell(
                "missing_index_entry",
                row.session_id,
                row.thread_id,
                f"Session {row.session_id!r} has an inactive association with thread "
                f"{row.thread_id!r} that its past index leaves out.",
                about=("past", row.session_id, row.thread_id),
            )

    def _points(self, run_id: str, thread_id: str, what: str, *, live: bool) -> None:
        """Judge a reference to a thread's run, to one in progress if ``live``."""
        run = self._get(keys.run_key(run_id))
        if run is _DAMAGED:
            return
        if (
            run is None
            or run.thread_id != thread_id
            or (live and run.finished_at_us is not None)
        ):
            self._tell(
                "dangling_index_entry",
                self._session_of(thread_id),
                thread_id,
                f"{what} names run {run_id!r} of thread {thread_id!r}; there is no "
                f"such run{' in progress' if live else ''}.",
                about=("run", run_id),
            )

    def _run(self, run: Any) -> None:
        if not isinstance(run, Run) or run.thread_id in self._orphans:
            return
        run_id, thread_id = run.run_id, run.thread_id
        thread = self._get(keys.thread_key(thread_id))
        if thread is _DAMAGED:
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
            if last and not _follows(last, where):
                gaps.append((last, where))
                detail = f"In the log {_spell(where)} comes next after {_spell(last)}."
                self._tell("log_gap", None, None, detail, about=where)
            last = where
            if record is not _DAMAGED:
                self._logged(where, record.op_id)
        for op_id, _, where in self.entries("O"):
            if where is _DAMAGED or any(low < where < high for low, high in gaps):
                continue
            record = self._get(keys.log_key(where))
            if record is None or (record is not _DAMAGED and record.op_id != op_id):
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
        if indexed in (where, _DAMAGED):
            return
        if indexed is not None:
            other = self._get(keys.log_key(indexed))
            if not isinstance(other, OperationRecord) or other.op_id != op_id:
                return  # the index has it elsewhere, and is told of for that
        detail = f"The index leaves out operation {op_id!r}, at {_spell(where)}."
        about = ("operation", op_id)
        self._tell("missing_index_entry", None, None, detail, about=about)


_LISTED: Final[dict[tuple[bool, bool], Kind]] = {
    (True, True): "dangling_index_entry",
    (True, False): "name_mismatch",
    (False, True): "duplicate_owner",
    (False, False): "owner_mismatch",
}
"""What a list is that contradicts a thread's record: by whether it is its owner's, and
whether its owner lists it properly (too)."""

_UNSETTLES: Final[dict[Kind, tuple[str, ...]]] = {
    "orphan_thread": ("threads", "tombstones"),
    "duplicate_owner": ("associations",),
    "missing_association": ("associations",),
    "orphan_association": ("associations", "tombstones"),
    "dangling_index_entry": ("associations", "runs"),
    "run_without_thread": ("runs",),
    "state_without_thread": ("states",),
    "thread_without_session": ("sessions",),
    "damaged_record": Counters.__struct_fields__,
}
"""The counters that may be off by one for each finding of a kind: the record that is
missing or too many was, or was not, counted."""

_OWN_ID: Final = {
    keys.SESSION: "session_id",
    keys.THREAD: "thread_id",
    keys.ASSOCIATION: "thread_id",
    keys.RUN: "run_id",
}
"""The field of a record that its key begins with."""


def _distance(old: Any, new: Any) -> int:
    """Return how many records lie between two counts."""
    if isinstance(old, int):
        return abs(int(old) - int(new))
    steps = [int(old.get(name, 0) - new.get(name, 0)) for name in {*old, *new}]
    return max(sum(s for s in steps if s > 0), -sum(s for s in steps if s < 0))


def _run_ids(group: Iterable[_Entry]) -> list[str]:
    """Return the runs in a thread's own entries."""
    return [unpack_id(rest, 1)[0] for _, rest, value in group if type(value) is bool]


def _spell(place: bytes) -> str:
    seq, refusals = int.from_bytes(place[:8]), int.from_bytes(place[8:])
    return f"seq {seq}" + (f", refusal {refusals}" if refusals else "")
