"""What is shown of crons: series from the start, times and lags as counted."""

from weft.actors import Runtime
from weft.metrics import CronStatistics, HttpStatistics, register, render
from weft.metrics.crons import CRON_CATALOGUE
from weft.storage import MemoryStore
from weft.storage.statistics import Histogram

SECOND_NS = 1_000_000_000


class Face:
    """An HTTP face whose numbers are given.

    Args:
        crons: what it did for crons.
    """

    def __init__(self, crons: CronStatistics) -> None:
        self._crons = crons

    def http_statistics(self) -> HttpStatistics:
        """Return the numbers."""
        return HttpStatistics({}, {}, crons=self._crons)


def page(crons: CronStatistics) -> list[str]:
    """Return the lines of a page that are about crons."""
    with Runtime.open(store=MemoryStore()) as runtime:
        text, _ = render(register(runtime, http=Face(crons)))
    return [line for line in text.decode().splitlines() if line.startswith("weft_cron")]


def test_every_fate_is_shown_before_anything_was_due() -> None:
    lines = page(CronStatistics())
    for fate in ("fired", "skipped", "failed"):
        assert f'weft_cron_times_total{{fate="{fate}"}} 0.0' in lines
    assert "weft_cron_lag_seconds_count 0.0" in lines


def test_times_and_lags_are_shown_as_they_were_counted() -> None:
    lags = Histogram()
    lags.observe(SECOND_NS // 2)
    lags.observe(20 * SECOND_NS)
    lines = page(CronStatistics({"fired": 2, "skipped": 1}, lags.snapshot()))
    assert 'weft_cron_times_total{fate="fired"} 2.0' in lines
    assert 'weft_cron_times_total{fate="skipped"} 1.0' in lines
    assert "weft_cron_lag_seconds_sum 20.5" in lines
    buckets = [line for line in lines if "_bucket" in line]
    assert (0, 2) == tuple(int(float(buckets[at].split()[-1])) for at in (0, -1))


def test_no_series_is_of_one_cron() -> None:
    assert ["fate"] == [label.name for m in CRON_CATALOGUE for label in m.labels]
