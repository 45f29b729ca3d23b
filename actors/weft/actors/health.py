"""How the runtime is: may it write, does it keep up, is its store consistent."""

from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from weft.actors.door import Door, House
from weft.actors.future import Future
from weft.storage.check import Inconsistency
from weft.storage.records import datetime_from_us

__all__ = ["Health", "HealthReport"]

ISSUES_MAX: Final = 1000
"""Findings spelt out; a store that has more is not read finding by finding."""


class HealthReport(msgspec.Struct, frozen=True):
    """How the runtime is.

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
    """

    status: Literal["healthy", "unhealthy"]
    issues: list[str]
    timestamp: datetime
    store_writable: bool = True
    queue_depth: int = 0
    last_clean_check: datetime | None = None
    inconsistencies: list[Inconsistency] = []
    actors: dict[str, int] = {}


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
    found = house.last_report.inconsistencies if house.last_report else []
    issues += [f"{item.kind}: {item.detail}" for item in found[:ISSUES_MAX]]
    return HealthReport(
        "unhealthy" if issues else "healthy",
        issues,
        datetime.now(UTC),
        not (house.closed or house.read_only),
        inconsistencies=found,
        **_numbers(house),
    )


def _numbers(house: House) -> dict[str, Any]:
    """Return what an open runtime counts; a simulated one counts nothing."""
    statistics = getattr(house, "statistics", None)
    if statistics is None or house.closed:
        return {}
    counted = statistics()
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
