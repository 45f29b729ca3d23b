"""How the runtime is: may it write, does it keep up, is its store consistent."""

from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from weft.actors.door import Door, House
from weft.actors.future import Future
from weft.actors.statistics import RuntimeStatistics
from weft.storage import StoreStatistics
from weft.storage.check import Inconsistency
from weft.storage.records import datetime_from_us

__all__ = ["Health", "HealthPart", "HealthReport"]

_NS_PER_S: Final = 1_000_000_000

LAG_MAX_S: Final = 5.0
"""What waits longer says that something is stuck: a group of 8,192 commits in 0.1 s."""

DISK_FREE_BYTES_MIN: Final = 256 << 20
"""A commit group takes some MB, a compacted copy as much as the store."""

CHECK_AGE_MAX_S: Final = 26 * 3600.0
"""The daemon checks every hour, people with a timer every night."""

ISSUES_MAX: Final = 1000
"""Findings spelt out; a store that has more is not read finding by finding."""


class HealthPart(msgspec.Struct, frozen=True):
    """How one part of the runtime is.

    Attributes:
        ok: whether it does what it should.
        detail: a sentence with the numbers behind it.
    """

    ok: bool
    detail: str


class HealthReport(msgspec.Struct, frozen=True):
    """How the runtime is.

    Fields can be read by subscript as well, as those of a repair's report.

    Attributes:
        status: ``healthy`` or ``unhealthy``.
        issues: what is wrong, a sentence each.
        timestamp: when this was found.
        store_writable: the last group could be written, and the store is open.
        queue_depth: operations that wait for the writer.
        last_clean_check: when a check of the whole store last found nothing; None
            before the first.
        inconsistencies: what the last such check found.
        actors: resident ones, by kind.
        parts: the same by part: store, writer, dispatcher, check, disk; none for a
            runtime that is closed.
    """

    status: Literal["healthy", "unhealthy"]
    issues: list[str]
    timestamp: datetime
    store_writable: bool = True
    queue_depth: int = 0
    last_clean_check: datetime | None = None
    inconsistencies: list[Inconsistency] = []
    actors: dict[str, int] = {}
    parts: dict[str, HealthPart] = {}

    def __getitem__(self, field: str) -> Any:
        if field not in self.__struct_fields__:
            raise KeyError(field)
        return getattr(self, field)


class Health(Door):
    """The coordinator's part that tells how the runtime is."""

    def health_check(self) -> Future[HealthReport]:
        """Return how the runtime is: its store, and what the last check found."""
        return Future.completed(_report(self._house))


def _report(house: House) -> HealthReport:
    issues: list[str] = []
    if house.closed:
        issues.append("The runtime is closed.")
    if house.read_only:
        issues.append("The store could not be written lately.")
    counted = _statistics(house)
    parts = {} if counted is None else _parts(house, counted)
    issues += [
        part.detail
        for name, part in parts.items()
        if not part.ok and name in {"writer", "dispatcher", "disk"}
    ]
    found = house.last_report.inconsistencies if house.last_report else []
    issues += [f"{item.kind}: {item.detail}" for item in found[:ISSUES_MAX]]
    return HealthReport(
        "unhealthy" if issues else "healthy",
        issues,
        datetime.now(UTC),
        not (house.closed or house.read_only),
        inconsistencies=found,
        parts=parts,
        **({} if counted is None else _numbers(counted)),
    )


def _statistics(house: House) -> RuntimeStatistics | None:
    """Return what an open runtime counts; a simulated one counts nothing."""
    statistics = getattr(house, "statistics", None)
    if statistics is None or house.closed:
        return None
    counted: RuntimeStatistics = statistics()
    return counted


def _numbers(counted: RuntimeStatistics) -> dict[str, Any]:
    clean_at_us = counted.check.last_clean_at_us
    actors: dict[str, int] = {}
    for (kind, _), number in counted.actors.items():
        actors[kind] = actors.get(kind, 0) + number
    return {
        "queue_depth": counted.writer.queued,
        "last_clean_check": (
            None if clean_at_us is None else datetime_from_us(clean_at_us)
        ),
        "actors": actors,
    }


def _parts(house: House, counted: RuntimeStatistics) -> dict[str, HealthPart]:
    writer, dispatcher = counted.writer, counted.dispatcher
    return {
        "store": _store(counted.store, read_only=house.read_only),
        "writer": _lag("operation", writer.lag_ns, writer.in_flight),
        "dispatcher": _lag("message", dispatcher.lag_ns, dispatcher.queued),
        "check": _check(house, counted.check.last_clean_at_us),
        "disk": _disk(counted.store.engine.disk_free_bytes),
    }


def _store(store: StoreStatistics, *, read_only: bool) -> HealthPart:
    if read_only:
        return HealthPart(ok=False, detail="The store could not be written lately.")
    engine = store.engine
    used, size = engine.used_bytes, engine.map_size_bytes
    return HealthPart(
        ok=True, detail=f"Writable at seq {store.seq}; {used} of {size} bytes are used."
    )


def _lag(what: str, lag_ns: int, waiting: int) -> HealthPart:
    lag_s = lag_ns / _NS_PER_S
    words = f"The oldest {what} has waited {lag_s:.3f} s; {waiting} wait."
    return HealthPart(ok=lag_s <= LAG_MAX_S, detail=words)


def _check(house: House, clean_at_us: int | None) -> HealthPart:
    last = house.last_report
    if last is None:
        return HealthPart(ok=True, detail="The store was not checked yet.")
    if not last.clean:
        number = len(last.inconsistencies)
        words = f"The last check found inconsistencies: {number}. Run weft repair."
        return HealthPart(ok=False, detail=words)
    age_s = datetime.now(UTC).timestamp() - (clean_at_us or 0) / 1e6
    words = f"The last check was clean, {age_s:.0f} s ago."
    return HealthPart(ok=age_s <= CHECK_AGE_MAX_S, detail=words)


def _disk(free_bytes: int | None) -> HealthPart:
    if free_bytes is None:
        return HealthPart(ok=True, detail="The store is in memory.")
    return HealthPart(
        ok=free_bytes >= DISK_FREE_BYTES_MIN,
        detail=f"The file system has {free_bytes} bytes left.",
    )
