"""How the store is: how full, how fast, how far back it goes, when it was saved."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from weft.actors import RuntimeStatistics
from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.figures import admit
from weft.daemon.http.window import SpanView, grown, span_of
from weft.storage import OperationRecord, StoreCorrupt
from weft.storage.keys import SEQ_SIZE_BYTES
from weft.storage.manifest import Manifest
from weft.storage.records import datetime_from_us
from weft.storage.retention import Retention
from weft.storage.statistics import HistogramSnapshot

if TYPE_CHECKING:
    from weft.actors.inside import Inside

__all__ = ["store_figures"]

store_figures: Final = Table("daemon")

HOLDS: Final = {
    "S": "sessions, and the names in them",
    "T": "threads, their owners and runs",
    "R": "runs, queues and steps",
    "X": "states of threads",
    "C": "checkpoints of graphs",
    "I": "interactions of users",
    "K": "items of the key-value store",
    "L": "the log of operations",
    "O": "idempotency keys",
    "M": "format and counters",
}
"""By tree; :mod:`weft.storage.keys` says it in full."""


class TreeView(msgspec.Struct):
    """One of the store's trees."""

    tree: str
    holds: str
    entries: int


class TimesView(msgspec.Struct):
    """How long something took lately: its histogram, below each of the bounds."""

    span: SpanView
    bounds_s: list[float]
    counts: list[int]


class GroupsView(msgspec.Struct):
    """Commits by how many operations shared one: 1, 2 to 3, 4 to 7 and so on."""

    commits: int
    operations: int
    counts: list[int]


class LogView(msgspec.Struct):
    """How far back the log of operations goes; null for an empty one."""

    first_seq: int | None
    first_at: datetime | None
    last_seq: int
    entries: int


class KeptView(msgspec.Struct):
    """What is kept how long, in seconds, null for ever; and what was forgotten."""

    operations_s: float | None
    operations_max: int | None
    tombstones_s: float | None
    associations_s: float | None
    runs_s: float | None


class BackupView(msgspec.Struct):
    """The last backup that was made of this store; nobody knows whether it exists."""

    at: datetime
    seq: int
    size_bytes: int


class CheckedView(msgspec.Struct):
    """The last check of the whole store since the start."""

    at: datetime
    seq: int
    findings: int
    duration_s: float


class StoreFiguresView(msgspec.Struct):
    """How the store is.

    Of the file ``used_bytes`` are in use or were, ``free_bytes`` of them are pages that
    the next commits take. The oldest of ``readers`` is ``oldest_reader_commits``
    behind: what was freed since cannot be used again. A commit is deciding and
    flushing; the times and the groups are of the last five minutes.
    """

    read_only: bool
    file_bytes: int
    used_bytes: int
    free_bytes: int
    map_size_bytes: int
    disk_free_bytes: int | None
    readers: int
    oldest_reader_commits: int
    queued: int
    lag_s: float
    trees: list[TreeView]
    waiting: TimesView
    decide: TimesView
    flush: TimesView
    commit: TimesView
    groups: GroupsView
    log: LogView
    kept: KeptView | None
    forgotten: dict[str, int]
    last_backup: BackupView | None
    last_check: CheckedView | None


@store_figures.get("/figures/store")
async def get_store_figures(call: Call[None, None]) -> StoreFiguresView:
    """Return how full and how fast the store is, and how far back it goes."""
    admit(call)
    return await call.beside(lambda: _figures(call))


def _figures(call: Call[None, None]) -> StoreFiguresView:
    call.site.history.look()
    now = call.runtime.statistics()
    before, _ = call.site.window.began()
    engine, writer = now.store.engine, now.writer
    inside: Inside | None = getattr(call.runtime, "inside", None)
    return StoreFiguresView(
        read_only=writer.read_only,
        file_bytes=engine.file_bytes,
        used_bytes=engine.used_bytes,
        free_bytes=engine.free_bytes,
        map_size_bytes=engine.map_size_bytes,
        disk_free_bytes=engine.disk_free_bytes,
        readers=engine.readers,
        oldest_reader_commits=engine.oldest_reader_commits,
        queued=writer.queued,
        lag_s=writer.lag_ns / 1e9,
        trees=[
            TreeView(tree, HOLDS.get(tree, ""), entries)
            for tree, entries in engine.entries.items()
        ],
        **_times(before, now),
        log=_log(call, now),
        kept=None if inside is None else _kept(inside.retention),
        forgotten=now.retention.forgotten,
        last_backup=_last_backup(call),
        last_check=_last_check(call),
    )


def _times(before: RuntimeStatistics, now: RuntimeStatistics) -> dict[str, Any]:
    old, new = before.writer, now.writer
    groups = grown(old.group_operations, new.group_operations)
    return {
        "waiting": _histogram(grown(old.queue_wait_ns, new.queue_wait_ns)),
        "decide": _histogram(grown(before.store.decide_ns, now.store.decide_ns)),
        "flush": _histogram(grown(before.store.flush_ns, now.store.flush_ns)),
        "commit": _histogram(grown(old.commit_ns, new.commit_ns)),
        "groups": GroupsView(groups.count, groups.total, _used(groups.counts[1:])),
    }


def _histogram(times: HistogramSnapshot) -> TimesView:
    """Return the buckets from the first that holds something to the last."""
    counts = _used(times.counts)
    first = next((at for at, number in enumerate(counts) if number), 0)
    bounds = [2.0**bucket / 1e9 for bucket in range(first, len(counts))]
    return TimesView(span_of(times), bounds, counts[first:])


def _used(counts: tuple[int, ...]) -> list[int]:
    """Return counts up to the last that is not 0."""
    end = max((at for at, number in enumerate(counts, 1) if number), default=0)
    return list(counts[:end])


def _log(call: Call[None, None], now: RuntimeStatistics) -> LogView:
    entries = now.store.engine.entries.get("L", 0)
    first = _first(call)
    if first is None:
        return LogView(None, None, now.store.seq, entries)
    place, record = first
    seq = int.from_bytes(place[:SEQ_SIZE_BYTES])
    return LogView(seq, record.at, now.store.seq, entries)


def _first(call: Call[None, None]) -> tuple[bytes, OperationRecord] | None:
    """Return the oldest entry of the log; a damaged one is the check's business."""
    if not hasattr(call.runtime, "inside"):  # a cluster has a log for each shard
        return None
    try:
        with call.runtime.store.read() as snapshot:
            return next(snapshot.scan("L", b""), None)
    except StoreCorrupt:
        return None


def _kept(retention: Retention) -> KeptView:
    return KeptView(
        retention.operations_s,
        retention.operations_max,
        retention.tombstones_s,
        retention.associations_s,
        retention.runs_s,
    )


def _last_backup(call: Call[None, None]) -> BackupView | None:
    directory = getattr(call.runtime.store, "directory", None)
    made = None if directory is None else Manifest.last_of(directory)
    if made is None:
        return None
    return BackupView(made.created_at, made.seq, made.size_bytes)


def _last_check(call: Call[None, None]) -> CheckedView | None:
    checks = getattr(call.runtime, "checks", None)
    last = checks.recent[-1] if checks is not None and checks.recent else None
    if last is None:
        return None
    return CheckedView(
        datetime_from_us(last.finished_at_us),
        last.seq,
        sum(last.found.values()),
        last.duration_s,
    )
