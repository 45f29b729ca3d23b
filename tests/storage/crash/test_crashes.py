"""A crash at any instant leaves what was acknowledged, whole, and nothing by halves.

The real writer and store are recorded, and every state in which a crash may leave the
file is rebuilt, opened with the real store and judged. Controls break the store or the
disk in one way each and demand that the judge notices.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from tests.conftest import REPOSITORY
from tests.house.project import rooms
from tests.storage import iorecorder
from tests.storage.crash.enumeration import Plan, Report
from tests.storage.crash.recording import DEFECTS
from tests.storage.crash.states import HOWS

REASON = iorecorder.unsupported()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

STATES = 10_000
STATES_LONG = 200_000
CONTROLS: dict[str, Plan] = {
    "a lying disk": Plan(seeds=[1], groups=8, lying=True),
    "no checksums": Plan(seeds=[1], groups=8, lying=True, checksums=False),
    **{
        defect: Plan(seeds=[1], groups=8, states_max=300, defect=defect)
        for defect in DEFECTS
        if defect
    },
}

Reports = dict[str, Report]


@pytest.fixture(scope="module")
def reports() -> Reports:
    """Return what was found in each broken store, or on each broken disk."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(enumerate_plan, CONTROLS.values())
        return dict(zip(CONTROLS, found, strict=True))


def enumerate_plan(plan: Plan, timeout_s: float = 100.0) -> Report:
    """Run a plan in a process of its own and return its report."""
    roots = [str(REPOSITORY / room) for room in rooms(REPOSITORY)]
    path = os.pathsep.join([*roots, str(REPOSITORY)])
    told = subprocess.run(
        [sys.executable, "-m", "tests.storage.crash.enumeration", _words(plan)],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
        timeout=timeout_s,
    ).stdout
    return msgspec.json.decode(told, type=Report)


def _words(plan: Plan) -> str:
    return msgspec.json.encode(plan).decode()


def assert_sound(report: Report) -> None:
    assert [] == report.findings
    assert (0, {}) == (report.violations, report.killed)
    assert set(HOWS) == {how for how, count in report.by_how.items() if count}
    assert report.states == sum(report.by_how.values())


@pytest.mark.timeout(120)  # 10 s, and more where many tests share few cores
def test_what_any_crash_leaves_is_whole_and_nothing_acknowledged_is_lost() -> None:
    seeds = [*range(1, 60, 2)], [*range(2, 60, 2)]
    plans = [Plan(seeds=half, groups=12, states_max=STATES // 2) for half in seeds]
    with ThreadPoolExecutor() as pool:
        reports = list(pool.map(enumerate_plan, plans))
    for report in reports:
        assert_sound(report)
    assert STATES == sum(report.states for report in reports)


def test_a_disk_that_ignores_a_sync_makes_nobody_read_what_was_never_written(
    reports: Reports,
) -> None:
    report = reports["a lying disk"]
    assert ([], 0) == (report.findings, report.violations)
    assert report.states > 200


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_no_crash_of_two_hundred_thousand_breaks_a_promise() -> None:
    plan = Plan(seeds=[*range(1000, 5000)], groups=30, states_max=STATES_LONG)
    report = enumerate_plan(plan, timeout_s=3500)
    print(msgspec.json.encode(report).decode())  # noqa: T201 (the figures of a proof)
    assert_sound(report)
    assert STATES_LONG == report.states


# -- controls ------------------------------------------------------------------------


def words(report: Report) -> set[str]:
    """Return what was found, in words."""
    return {fault for finding in report.findings for fault in finding.faults}


def test_a_store_that_does_not_sync_is_caught(reports: Reports) -> None:
    report = reports["no sync"]
    assert report.violations > 150
    assert any("acknowledged groups are lost" in fault for fault in words(report))


def test_a_writer_that_answers_before_the_commit_is_caught(reports: Reports) -> None:
    report = reports["early"]
    assert report.violations > 150
    assert {"1 acknowledged groups are lost"} == words(report)


def test_an_operation_in_two_transactions_is_caught(reports: Reports) -> None:
    report = reports["two transactions"]
    assert report.violations > 75
    assert {"it holds what no commit left"} == words(report)


def test_a_torn_value_that_is_read_without_its_checksum_is_caught(
    reports: Reports,
) -> None:
    report = reports["no checksums"]
    assert report.violations > 10
    assert any("read and never written" in fault for fault in words(report))


def test_a_store_that_answers_a_repetition_anew_is_caught(reports: Reports) -> None:
    report = reports["forgetful"]
    assert report.violations > 75
    assert any("has a second effect" in fault for fault in words(report))
