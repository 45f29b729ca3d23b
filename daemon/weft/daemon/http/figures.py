"""What the daemon does, in figures: the last minutes, the present, and what is wrong.

``GET /metrics`` is for Prometheus, which keeps the past; these are for who has none at
hand. They are about everybody's sessions, so a token that is bound to one owner does
not see them.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from itertools import pairwise
from typing import Annotated, Any, Final

import msgspec

from weft.actors import RuntimeStatistics
from weft.daemon.http.alerting import RULES, AlertView
from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.history import Look
from weft.daemon.http.problems import RequestFault
from weft.storage import StoreClosed
from weft.storage.records import datetime_from_us

__all__ = ["admit", "figures"]

figures: Final = Table("daemon")

FASTEST: Final = 16
SLOWEST: Final = 34
"""Buckets that are told apart: 65 us to 17 s; what lies beyond goes with the ends."""

LARGEST_GROUP: Final = 13
"""The bucket of 4,096 to 8,191 operations, the largest group there is."""

NUMBER_MAX: Final = (1 << 63) - 1


class After(msgspec.Struct, forbid_unknown_fields=True):
    """Samples that are known already: those up to this number."""

    after: Annotated[int, msgspec.Meta(ge=-1, le=NUMBER_MAX)] = -1


class SampleView(msgspec.Struct):
    """What was done between two looks.

    ``durations`` counts operations by how long they took: below each of the bounds, and
    not below the one before. ``groups`` counts commits by how many operations they had:
    1, 2 to 3, 4 to 7 and so on.
    """

    number: int
    at: datetime
    period_s: float
    applied: int
    refused: int
    failed: int
    durations: list[int]
    groups: list[int]
    grouped: int
    findings: int


class PresentView(msgspec.Struct):
    """What there is now."""

    seq: int
    sessions: dict[str, int]
    threads: dict[str, int]
    runs: dict[str, int]
    states: int
    actors: int
    queued: int
    lag_s: float
    mailbox: int
    read_only: bool
    file_bytes: int
    used_bytes: int
    disk_free_bytes: int | None
    checks: int
    inconsistencies: int
    last_clean_check: datetime | None


class FiguresView(msgspec.Struct):
    """The last five minutes, a sample every ``interval_s``, and the present.

    Samples are numbered; ``after`` asks for those behind one. A ``number`` below one
    that was seen before says that the daemon was started again.
    """

    number: int
    interval_s: float
    bounds_s: list[float]
    samples: list[SampleView]
    present: PresentView


class AlertsView(msgspec.Struct):
    """The alerts whose condition holds, and how many are watched."""

    alerts: list[AlertView]
    watched: int


@figures.get("/figures")
async def get_figures(call: Call[None, After]) -> FiguresView:
    """Return what was done lately, and what there is now."""
    admit(call)
    return await call.beside(lambda: _figures(call))


@figures.get("/alerts")
async def list_alerts(call: Call[None, None]) -> AlertsView:
    """List the alerts that would be sent: the shipped rules, judged here.

    All but WeftDown, which only somebody outside can tell, and those of a cluster.
    """
    admit(call)
    await call.beside(call.site.history.look)
    return AlertsView(call.site.alerts.alerts(), len(RULES))


def admit(call: Call[Any, Any]) -> None:
    """Let in who may see what is about everybody, while there is something to see.

    Raises:
        RequestFault: the token is bound to one owner.
        StoreClosed: the runtime is closed.
    """
    if call.access.owner is not None:
        detail = "This is about everybody's sessions. Use a token without an owner."
        raise RequestFault(HTTPStatus.FORBIDDEN, detail)
    if call.site.runtime.closed:
        raise StoreClosed("The runtime is closed.")


def _figures(call: Call[None, After]) -> FiguresView:
    history = call.site.history
    last = history.look()
    looks = history.looks(call.query.after)
    return FiguresView(
        last.number,
        history.interval_s,
        [2.0**bucket / 1e9 for bucket in range(FASTEST, SLOWEST + 1)],
        [_sample(before, look) for before, look in pairwise(looks)],
        _present(call.runtime.statistics()),
    )


def _sample(before: Look, look: Look) -> SampleView:
    def grew(outcome: str) -> int:
        name = f"weft_operations_total:{outcome}"
        return int(look.numbers.get(name, 0) - before.numbers.get(name, 0))

    durations = _grown(before.durations.counts, look.durations.counts)
    groups = _grown(before.groups.counts, look.groups.counts)
    return SampleView(
        look.number,
        datetime.fromtimestamp(round(look.at_s, 3), UTC),
        round(look.clock_s - before.clock_s, 3),
        grew("applied"),
        grew("refused"),
        grew("failed") + grew("expired"),
        _between(durations, FASTEST, SLOWEST),
        _between(groups, 1, LARGEST_GROUP),
        look.groups.total - before.groups.total,
        int(look.numbers["weft_check_inconsistencies"]),
    )


def _grown(before: tuple[int, ...], now: tuple[int, ...]) -> list[int]:
    return [b - a for a, b in zip(before, now, strict=True)]


def _between(counts: list[int], first: int, last: int) -> list[int]:
    """Return some buckets; what lies beyond goes with the ends."""
    return [
        sum(counts[: first + 1]),
        *counts[first + 1 : last],
        sum(counts[last:]),
    ]


def _present(statistics: RuntimeStatistics) -> PresentView:
    store, check = statistics.store, statistics.check
    clean_us = check.last_clean_at_us
    return PresentView(
        seq=store.seq,
        sessions=dict(store.counters.sessions),
        threads=dict(store.counters.threads),
        runs=dict(store.counters.runs),
        states=store.counters.states,
        actors=sum(statistics.actors.values()),
        queued=statistics.writer.queued,
        lag_s=statistics.writer.lag_ns / 1e9,
        mailbox=statistics.dispatcher.queued,
        read_only=statistics.writer.read_only,
        file_bytes=store.engine.file_bytes,
        used_bytes=store.engine.used_bytes,
        disk_free_bytes=store.engine.disk_free_bytes,
        checks=check.checks,
        inconsistencies=sum(check.last_findings.values()),
        last_clean_check=None if clean_us is None else datetime_from_us(clean_us),
    )
