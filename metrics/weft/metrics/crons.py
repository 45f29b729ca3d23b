"""What a daemon does for crons, and how it is shown.

Guarantees: no series per cron.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from weft.metrics.families import Histograms, Numbers
from weft.metrics.metric import NS_PER_S, Buckets, Label, Metric
from weft.storage.statistics import HISTOGRAM_BUCKETS, HistogramSnapshot

__all__ = ["CRON_CATALOGUE", "CronStatistics", "read_crons"]

TIMES: Final = "weft_cron_times_total"
LAG: Final = "weft_cron_lag_seconds"
FATE: Final = Label("fate", ("fired", "skipped", "failed"))

LAGS: Final = Buckets(tuple(range(20, 38, 2)), NS_PER_S)
"""1 ms to 69 s: the grace is 60 s unless it is set."""

CRON_CATALOGUE: Final[tuple[Metric, ...]] = (
    Metric(
        TIMES,
        "counter",
        "Due times of crons: their run was started; they passed unused, several in a "
        "row counted once; their run was refused.",
        (FATE,),
    ),
    Metric(
        LAG,
        "histogram",
        "From the time that was due to the run's durable start.",
        buckets=LAGS,
    ),
)
"""The metrics of a daemon's crons."""


class CronStatistics(msgspec.Struct, frozen=True):
    """What a daemon did for crons.

    Attributes:
        times: that were due, by what became of them.
        lag_ns: from the time that was due to the run.
    """

    times: Mapping[str, int] = {}
    lag_ns: HistogramSnapshot = HistogramSnapshot((0,) * HISTOGRAM_BUCKETS, 0)


def read_crons(
    statistics: CronStatistics,
) -> tuple[dict[str, Numbers], dict[str, Histograms]]:
    """Return numbers and histograms of crons, by metric name.

    Args:
        statistics: of a daemon.
    """
    times: Numbers = {(fate,): n for fate, n in statistics.times.items()}
    return {TIMES: times}, {LAG: {(): statistics.lag_ns}}
