"""What the shards of a cluster count, and how it is shown.

The cluster is a room of the same floor: it hands out an object with these attributes,
and :func:`weft.metrics.register` shows it beside the numbers of its runtimes, where the
source has any.

Guarantees: no series per shard; ages are those of the worst, counts those of all.
"""

from typing import Final, Protocol, runtime_checkable

from weft.metrics.families import Histograms, Key, Numbers
from weft.metrics.labels import COMMITS, GROUPS
from weft.metrics.metric import Label, Metric
from weft.storage.statistics import HistogramSnapshot

__all__ = ["CLUSTER_CATALOGUE", "ClusterNumbers", "ClusterSource", "read_cluster"]

CONDITION: Final = Label("condition", ("answering", "silent"))
STANDBY: Final = Label("mode", ("synchronous", "asynchronous"))

CLUSTER_CATALOGUE: Final[tuple[Metric, ...]] = (
    Metric(
        "weft_cluster_shards",
        "gauge",
        "Shards, by whether they answer.",
        (CONDITION,),
    ),
    Metric(
        "weft_cluster_takeovers_total",
        "counter",
        "How often shards were taken over; each time the process before was fenced.",
    ),
    Metric(
        "weft_cluster_epoch_age_seconds",
        "gauge",
        "The longest time since a shard proved its epoch; at 3 it stops serving.",
    ),
    Metric(
        "weft_cluster_commit_duration_seconds",
        "histogram",
        "From sending a commit to the database to its answer.",
        buckets=COMMITS,
    ),
    Metric(
        "weft_cluster_commit_rows",
        "histogram",
        "Entries that one commit writes.",
        buckets=GROUPS,
    ),
    Metric(
        "weft_cluster_across_commits_total",
        "counter",
        "Commits that concerned sessions of several shards: one, with all fences.",
    ),
    Metric(
        "weft_cluster_conflicts_total",
        "counter",
        "Groups decided again, because another shard had changed what they rest on.",
    ),
    Metric(
        "weft_cluster_settled_commits_total",
        "counter",
        "Commits whose answer was lost, and that turned out to have been made.",
    ),
    Metric(
        "weft_cluster_repeated_commands_total",
        "counter",
        "Commands sent again from here: a process had died, or sessions had moved.",
    ),
    Metric(
        "weft_cluster_standbys",
        "gauge",
        "Standbys of the database; an asynchronous one may lack acknowledged commits.",
        (STANDBY,),
    ),
)
"""The metrics of a cluster."""


class ClusterNumbers(Protocol):
    """What a cluster did and how it is."""

    @property
    def answering(self) -> int:
        """Shards that answer."""
        ...

    @property
    def silent(self) -> int:
        """Shards that do not."""
        ...

    @property
    def takeovers(self) -> int:
        """How often shards were taken over."""
        ...

    @property
    def epoch_age_s(self) -> float:
        """The longest time since a shard proved its epoch."""
        ...

    @property
    def commit_ns(self) -> HistogramSnapshot:
        """Commits."""
        ...

    @property
    def rows(self) -> HistogramSnapshot:
        """Entries that one commit writes."""
        ...

    @property
    def across(self) -> int:
        """Commits that concerned several shards."""
        ...

    @property
    def conflicts(self) -> int:
        """Groups decided again."""
        ...

    @property
    def settled(self) -> int:
        """Commits whose answer was lost."""
        ...

    @property
    def repeated(self) -> int:
        """Commands sent again."""
        ...

    @property
    def synchronous_standbys(self) -> int:
        """That have every commit before it is acknowledged."""
        ...

    @property
    def asynchronous_standbys(self) -> int:
        """That may lack some."""
        ...


@runtime_checkable
class ClusterSource(Protocol):
    """Whose numbers are shown."""

    def cluster_statistics(self) -> ClusterNumbers:
        """Return the numbers so far; callable from any OS thread."""
        ...


def read_cluster(
    found: ClusterNumbers,
) -> tuple[dict[str, Numbers], dict[str, Histograms]]:
    """Return numbers and histograms of a cluster, by metric name.

    Args:
        found: what it counted.
    """
    alone: Key = ()
    numbers: dict[str, Numbers] = {
        "weft_cluster_shards": {
            ("answering",): found.answering,
            ("silent",): found.silent,
        },
        "weft_cluster_takeovers_total": {alone: found.takeovers},
        "weft_cluster_epoch_age_seconds": {alone: found.epoch_age_s},
        "weft_cluster_across_commits_total": {alone: found.across},
        "weft_cluster_conflicts_total": {alone: found.conflicts},
        "weft_cluster_settled_commits_total": {alone: found.settled},
        "weft_cluster_repeated_commands_total": {alone: found.repeated},
        "weft_cluster_standbys": {
            ("synchronous",): found.synchronous_standbys,
            ("asynchronous",): found.asynchronous_standbys,
        },
    }
    histograms: dict[str, Histograms] = {
        "weft_cluster_commit_duration_seconds": {alone: found.commit_ns},
        "weft_cluster_commit_rows": {alone: found.rows},
    }
    return numbers, histograms
