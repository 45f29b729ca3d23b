"""The numbers of many shards as those of one runtime, and of the cluster itself."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, TypeVar

import msgspec

from weft.cluster.postgres_statistics import PostgresStatistics
from weft.storage.statistics import Histogram, HistogramSnapshot

__all__ = ["ClusterStatistics", "cluster_statistics", "summed"]

T = TypeVar("T")

_OLDEST = frozenset(
    {"lag_ns", "pause_max_ns", "last_clean_at_us", "epoch_age_s", "seq", "read_only"}
)
"""What is not added up: the greatest is told."""


def summed(parts: Iterable[T]) -> T:
    """Return counts added up, and the greatest of what is an age or a place.

    Args:
        parts: of one type, a msgspec Struct; one at least.
    """
    return reduce(_sum, parts)


def _sum(a: T, b: T) -> T:
    names = type(a).__struct_fields__  # type: ignore[attr-defined]
    return type(a)(
        *(_field(name, getattr(a, name), getattr(b, name)) for name in names)
    )


def _field(name: str, a: Any, b: Any) -> Any:  # noqa: PLR0911 - a case each
    if a is None or b is None:
        return b if a is None else a
    if name in _OLDEST:
        return max(a, b)
    if type(a) is not type(b) and not isinstance(a, int | float):
        return a
    if isinstance(a, msgspec.Struct):
        return _sum(a, b)
    if isinstance(a, dict):
        return _keyed(a, b)
    if isinstance(a, tuple) and len(a) == len(b):
        return tuple(_field("", x, y) for x, y in zip(a, b, strict=True))
    return a + b if isinstance(a, int | float) else a


def _keyed(a: dict[Any, Any], b: dict[Any, Any]) -> dict[Any, Any]:
    both = {key: _field("", a[key], b[key]) for key in a.keys() & b.keys()}
    return {**a, **b, **both}


class ClusterStatistics(msgspec.Struct, frozen=True):
    """What a cluster did and how it is, as one of its callers sees it.

    Attributes:
        answering: shards that answer.
        silent: shards that do not.
        takeovers: how often shards were taken over.
        epoch_age_s: since that shard proved its epoch which did so longest ago.
        commit_ns: commits, from sending to their answer.
        rows: entries that one commit writes.
        across: commits that concerned sessions of several shards.
        conflicts: groups decided again.
        settled: commits whose answer was lost, and that had been made.
        repeated: commands that were sent again from here.
        synchronous_standbys: that have every commit before it is acknowledged.
        asynchronous_standbys: that may lack some.
    """

    answering: int
    silent: int
    takeovers: int
    epoch_age_s: float
    commit_ns: HistogramSnapshot
    rows: HistogramSnapshot
    across: int
    conflicts: int
    settled: int
    repeated: int
    synchronous_standbys: int
    asynchronous_standbys: int


def cluster_statistics(
    epochs: Mapping[int, int],
    found: Sequence[PostgresStatistics],
    repeated: int,
    drained: int = 0,
) -> ClusterStatistics:
    """Return the numbers of a cluster.

    Args:
        epochs: of all shards, as the database has them.
        found: of the shards that answer.
        repeated: commands that were sent again.
        drained: how many shards are out of service, and not expected to answer.
    """
    current = [one for one in found if one.epoch == epochs.get(one.shard)]
    empty = Histogram().snapshot()
    return ClusterStatistics(
        answering=len(current),
        silent=len(epochs) - drained - len(current),
        takeovers=sum(epochs.values()),
        epoch_age_s=max((one.proved_age_s for one in found), default=0.0),
        commit_ns=summed([empty, *(one.commit_ns for one in found)]),
        rows=summed([empty, *(one.rows for one in found)]),
        across=sum(one.across for one in found),
        conflicts=sum(one.conflicts for one in found),
        settled=sum(one.settled for one in found),
        repeated=repeated,
        synchronous_standbys=max((o.synchronous_standbys for o in found), default=0),
        asynchronous_standbys=max((o.asynchronous_standbys for o in found), default=0),
    )
