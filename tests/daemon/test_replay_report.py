"""The report tells what is in the store, to programs and to people."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.daemon.conftest import WriteLog
from tests.metrics.made import STATISTICS
from weft.actors import Runtime
from weft.daemon.plan import LogPlan, plan_logs
from weft.daemon.replay_report import Counts, Report, count, show_report
from weft.storage.check import CheckReport, Inconsistency

CLEAN = CheckReport(
    inconsistencies=[],
    sessions=3,
    threads=2,
    associations=4,
    states=5,
    runs=5,
    operations=15,
    duration_s=0.01,
    seq=15,
    finished_at_us=1_700_000_000_000_000,
)
DIRTY = replace(
    CLEAN, inconsistencies=[Inconsistency("log_gap", None, None, "Entry 3 is [gone].")]
)
REPORT = Report(
    counts=Counts(268, 10, 258, 330, 2_360, 330),
    operations=5_390,
    seconds=2.5,
    commit_groups=882,
    mean_group_size=6.1,
    inconsistencies=0,
)

RAW = "[12:00] <ann> a\n[12:01] <bob> b\n[12:02] <ann> c\n"
LINKS = "0 2 -\n1 1 -\n"


@pytest.fixture
def logs(write_log: WriteLog) -> list[LogPlan]:
    return plan_logs(write_log(RAW, LINKS))


def counted(runtime: Runtime, logs: Sequence[LogPlan]) -> Counts:
    with runtime.store.read() as snapshot:
        return count(snapshot, logs)


def shown(report: Report, check: CheckReport = CLEAN) -> str:
    file = io.StringIO()
    show_report(report, check, Path("weft-data"), file)
    return file.getvalue()


# -- counting ------------------------------------------------------------------------


def test_of_an_empty_store_nothing_is_counted(
    runtime: Runtime, logs: list[LogPlan]
) -> None:
    assert Counts(0, 0, 0, 0, 0, 0) == counted(runtime, logs)


def test_what_is_there_is_counted_step_by_step(
    runtime: Runtime, logs: list[LogPlan]
) -> None:
    garden = runtime.session("garden")
    thread = garden.create_thread(
        "garden#0", workflow="chat", thread_id="garden#0"
    ).get(timeout=10)
    assert Counts(1, 1, 0, 1, 0, 0) == counted(runtime, logs)
    for step in logs[0].steps:
        if step.thread.thread_id == "garden#0":
            thread.run(step.config).get(timeout=10)
    assert Counts(1, 1, 0, 1, 2, 0) == counted(runtime, logs)
    thread.transfer_to("user:ann").get(timeout=10)
    assert Counts(2, 1, 1, 1, 2, 1) == counted(runtime, logs)


def test_a_thread_that_went_elsewhere_is_no_transfer(
    runtime: Runtime, logs: list[LogPlan]
) -> None:
    garden = runtime.session("garden")
    thread = garden.create_thread("garden#0", thread_id="garden#0").get(timeout=10)
    thread.transfer_to("user:bob").get(timeout=10)
    assert Counts(2, 1, 1, 1, 0, 0) == counted(runtime, logs)


def test_a_thread_that_never_was_the_logs_is_no_transfer(
    runtime: Runtime, logs: list[LogPlan]
) -> None:
    ann = runtime.session("user:ann")
    ann.create_thread("garden#0", thread_id="garden#0").get(timeout=10)
    assert Counts(1, 0, 1, 1, 0, 0) == counted(runtime, logs)


def test_what_others_keep_in_the_store_is_not_counted(
    runtime: Runtime, logs: list[LogPlan]
) -> None:
    runtime.session("zoe").create_thread("notes").get(timeout=10)
    assert Counts(0, 0, 0, 0, 0, 0) == counted(runtime, logs)


# -- reporting -----------------------------------------------------------------------


def test_operations_are_those_applied_and_groups_those_committed() -> None:
    report = Report.of(REPORT.counts, STATISTICS, 2.0, DIRTY)
    assert (408, 204.0) == (report.operations, report.operations_per_second)
    assert (4, 2_058.8, 1) == (
        report.commit_groups,
        report.mean_group_size,
        report.inconsistencies,
    )


def test_json_is_one_flat_object() -> None:
    expected: dict[str, Any] = {
        "sessions": 268,
        "log_sessions": 10,
        "user_sessions": 258,
        "threads": 330,
        "states": 2_360,
        "transfers": 330,
        "operations": 5_390,
        "seconds": 2.5,
        "operations_per_second": 2_156.0,
        "commit_groups": 882,
        "mean_group_size": 6.1,
        "inconsistencies": 0,
    }
    assert expected == msgspec.json.decode(REPORT.to_json())


def test_no_time_at_all_is_no_division_by_zero() -> None:
    assert replace(REPORT, seconds=0.0).operations_per_second == 0.0


# -- showing -------------------------------------------------------------------------


def test_people_get_a_table_and_the_next_step() -> None:
    expected = """\
sessions          268  10 logs and 258 users
threads           330  one for each conversation
states          2,360  one for each chat line
transfers         330  to the user who started the thread
operations      5,390  2,156 a second, each durable
commit groups     882  6.1 operations to a flush
inconsistencies     0  clean
Where to look next:
  weft serve --data weft-data
  curl http://127.0.0.1:8123/metrics
"""
    assert expected == shown(REPORT)


def test_a_replay_that_applied_nothing_says_so() -> None:
    page = shown(replace(REPORT, operations=0, commit_groups=0, mean_group_size=0.0))
    assert "Everything was there already: nothing was applied.\n" in page


def test_findings_are_shown() -> None:
    page = shown(replace(REPORT, inconsistencies=1), DIRTY)
    assert "inconsistencies     1  NOT CLEAN\n" in page
    assert "log_gap: Entry 3 is [gone].\n" in page


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colour_unless_it_is_unwanted(
    monkeypatch: pytest.MonkeyPatch, no_color: str, *, coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    file = Terminal()
    show_report(REPORT, CLEAN, Path("weft-data"), file)
    assert coloured == ("\x1b[36m" in file.getvalue())
