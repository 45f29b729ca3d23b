"""The daemon checks its store within its share, and repairs what is named."""

from collections.abc import Callable, Iterator
from threading import Event

import pytest

from tests.actors.support import LONG_S, answer
from tests.storage.planting import plant
from weft.actors import Runtime
from weft.daemon.checking import Checker, CheckSettings
from weft.storage import MemoryStore
from weft.storage.check import CheckReport

ALL_OF_A_CORE = 1.0


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime.open(store=MemoryStore()) as runtime:
        for name in ("a", "b", "c"):
            answer(runtime.session("ann").create_thread(name))
        answer(runtime.session("bob").open())
        yield runtime


def settings(
    *repair: str, interval_s: float = LONG_S, cpu_share: float = ALL_OF_A_CORE
) -> CheckSettings:
    return CheckSettings(interval_s=interval_s, cpu_share=cpu_share, repair=repair)  # type: ignore[arg-type]  # kinds


def damage(runtime: Runtime, planter: str) -> str:
    store = runtime.store
    assert isinstance(store, MemoryStore)
    (planted,) = plant(store, [planter])
    return planted.kind


def test_a_round_is_shown_as_a_check_of_the_whole_store(runtime: Runtime) -> None:
    report = Checker(runtime, settings()).round()
    assert report is not None
    assert report.clean
    assert (2, 3) == (report.sessions, report.threads)
    assert report is runtime.last_report
    assert 1 == runtime.statistics().check.checks


def test_what_is_not_named_is_found_and_left_alone(runtime: Runtime) -> None:
    kind = damage(runtime, "removed_list_entry")
    Checker(runtime, settings("name_mismatch")).round()
    counted = runtime.statistics()
    assert 1 == counted.check.last_findings[kind]
    assert ("Repair", "applied") not in counted.writer.operations


def test_what_is_named_is_repaired_and_the_next_look_is_clean(runtime: Runtime) -> None:
    kind = damage(runtime, "removed_list_entry")
    Checker(runtime, settings(kind)).round()
    counted = runtime.statistics()
    assert 1 <= counted.check.findings[kind]
    assert 0 == counted.check.last_findings[kind]
    assert 1 == counted.writer.operations["Repair", "applied"]
    assert runtime.check().clean


def noted(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, times: int
) -> Callable[[], bool]:
    """Return what waits until so many checks were recorded."""
    done, reports = Event(), []

    def record(report: CheckReport) -> None:
        reports.append(report)
        if len(reports) == times:
            done.set()

    monkeypatch.setattr(runtime.checks, "record", record)
    return lambda: done.wait(LONG_S)


def test_it_checks_again_and_again(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = noted(runtime, monkeypatch, 3)
    with Checker(runtime, settings(interval_s=0.01)):
        assert wait()


def test_an_interval_of_0_means_never(runtime: Runtime) -> None:
    with Checker(runtime, settings(interval_s=0)) as checker:
        assert not checker._os_thread.is_alive()


def test_it_ends_while_it_rests(runtime: Runtime) -> None:
    checker = Checker(runtime, settings(cpu_share=1e-9))
    with checker:
        assert checker._os_thread.is_alive()
    assert not checker._os_thread.is_alive()
    assert 0 == runtime.statistics().check.checks


def test_it_rests_so_long_that_it_keeps_its_share(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter(range(0, 10**12, 10**9))  # each look at the clock: one second more
    checker = Checker(runtime, settings(cpu_share=0.25), cpu_ns=lambda: next(readings))
    rests: list[float] = []

    def rest(pause_s: float) -> bool:
        rests.append(pause_s)
        return False

    monkeypatch.setattr(checker._stopping, "wait", rest)
    assert checker.round() is not None
    assert {3.0} == set(rests)


def test_a_failed_check_is_logged_and_the_next_one_is_tried(
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    wait = noted(runtime, monkeypatch, 1)
    read, failures = runtime.store.read, iter([OSError("the disk is gone")])

    def failing() -> object:
        for failure in failures:
            raise failure
        return read()

    monkeypatch.setattr(runtime.store, "read", failing)
    with Checker(runtime, settings(interval_s=0.01)):
        assert wait()
    assert "the disk is gone" in caplog.text
