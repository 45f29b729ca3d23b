"""Plots of a real run: ``python -m tests.metrics.plots docs/images``.

A daemon under load with a real Prometheus beside it: its disk gets slow and recovers,
then its store is damaged, checked and repaired. What is drawn is what Prometheus
answers to expressions like those of the dashboard.

Needs Debian's ``prometheus``, and matplotlib from the extra ``bench``.
"""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from bench.peers.blocking import package
from tests.metrics.ailing_daemon import AilingDaemon, Load, ailing_daemon
from tests.metrics.scraping import Prometheus, never, prometheus
from tests.ports import free_port

CLIENTS: Final = 8
CALM_S: Final = 25.0
"""Before, between and after the faults; several times the window of the rates."""
SLOW_S: Final = 20.0
DELAY_S: Final = 0.05
WINDOW: Final = "[5s]"
APPLIED: Final = '{outcome="applied"}'
MISSING: Final = '{kind="missing_thread"}'


class Chart(NamedTuple):
    """One picture: lines over time.

    Attributes:
        title: what happened, in words.
        unit: of the vertical axis.
        lines: expressions by legend; ``{label}`` in a legend is filled in.
    """

    title: str
    unit: str
    lines: Mapping[str, str]


def _p99(name: str, label: str = "") -> str:
    labels = f"le, {label}" if label else "le"
    rate = f"sum by ({labels}) (rate({name}_bucket{WINDOW}))"
    return f"1000 * histogram_quantile(0.99, {rate})"


SLOW_DISK: Final = (
    Chart(
        f"For {SLOW_S:.0f} s each commit takes {DELAY_S * 1000:.0f} ms longer",
        "operations/s",
        {"applied": f"sum(rate(weft_operations_total{APPLIED}{WINDOW}))"},
    ),
    Chart(
        "p99 of a durable operation, and of its commit",
        "ms",
        {
            "operation": _p99("weft_operation_duration_seconds"),
            "commit": _p99("weft_commit_duration_seconds"),
        },
    ),
)
DAMAGE: Final = (
    Chart(
        "A damaged index: found by a check, mended by a repair",
        "findings",
        {"{kind}": f"sum by (kind) (weft_check_inconsistencies{MISSING})"},
    ),
    Chart(
        "Age of the last clean check",
        "s",
        {"age": "time() - weft_check_last_clean_timestamp_seconds"},
    ),
)


class Range(NamedTuple):
    """A stretch of time, in seconds since 1970."""

    begin_s: float
    end_s: float


def record(directory: Path) -> dict[str, Any]:
    """Let it happen; return the series of each chart by its title."""
    with ExitStack() as stack:
        daemon = stack.enter_context(ailing_daemon(directory, free_port()))
        server = stack.enter_context(
            prometheus(directory / "prometheus", daemon.target)
        )
        server.wait_until_up()
        slow = _during(lambda: _slow_disk(daemon))
        damage = _during(lambda: _damage(daemon))
        return _series(server, SLOW_DISK, slow) | _series(server, DAMAGE, damage)


def _during(happen: Callable[[], None]) -> Range:
    begin_s = time.time()
    happen()
    return Range(begin_s, time.time())


def _slow_disk(daemon: AilingDaemon) -> None:
    with Load(daemon, CLIENTS):
        never.wait(CALM_S)
        daemon.suffer(f"slow {DELAY_S}")
        never.wait(SLOW_S)
        daemon.suffer("slow 0")
        never.wait(CALM_S)


def _damage(daemon: AilingDaemon) -> None:
    threads = {"threads": [{"name": "x"}], "create_session": True}
    assert 201 == daemon.post("/sessions/ann/threads", threads)
    for plant in (None, "removed_list_entry"):
        if plant:
            daemon.suffer(f"plant {plant}")
        assert 200 == daemon.post("/check", {})
        never.wait(CALM_S / 2)
    assert 200 == daemon.post("/repair", {})
    assert 200 == daemon.post("/check", {})
    never.wait(CALM_S / 2)


def _series(
    server: Prometheus, charts: tuple[Chart, ...], when: Range
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for chart in charts:
        lines = found[chart.title] = {}
        for legend, expression in chart.lines.items():
            query = urlencode(
                {
                    "query": expression,
                    "start": when.begin_s,
                    "end": when.end_s,
                    "step": 0.5,
                }
            )
            for each in server.get(f"query_range?{query}")["result"]:
                points = [(at - when.begin_s, float(y)) for at, y in each["values"]]
                lines[legend.format(**each["metric"])] = points
        assert lines, f"no data for {chart.title!r}"
    return found


def draw(path: Path, charts: tuple[Chart, ...], series: Mapping[str, Any]) -> None:
    """Draw charts beside each other into one PNG."""
    matplotlib = package("matplotlib")
    matplotlib.use("Agg")
    pyplot = package("matplotlib.pyplot")
    figure, frames = pyplot.subplots(1, len(charts), figsize=(10, 3.4), dpi=80)
    for chart, axes in zip(charts, frames, strict=True):
        for legend, points in series[chart.title].items():
            axes.plot(*zip(*points, strict=True), label=legend, linewidth=1.4)
        axes.set_title(chart.title, fontsize=9)
        axes.set_xlabel("s", fontsize=8)
        axes.set_ylabel(chart.unit, fontsize=8)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3, linewidth=0.5)
        axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    pyplot.close(figure)


def main() -> None:
    """Make the pictures in the folder that is the only argument."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        series = record(Path(scratch))
    for name, charts in (("slow-disk", SLOW_DISK), ("damage", DAMAGE)):
        draw(folder / f"metrics-{name}.png", charts, series)


if __name__ == "__main__":
    main()
