"""The report of health has a part for everything that can be wrong."""

import pytest
from msgspec.structs import replace

from tests.actors.support import answer
from weft.actors import HealthReport, Runtime
from weft.storage import MemoryStore

PARTS = {"store", "writer", "dispatcher", "check", "disk"}
NS_PER_S = 1_000_000_000


def health(runtime: Runtime) -> HealthReport:
    return answer(runtime.coordinator.health_check())


def test_a_runtime_at_work_is_well_in_all_its_parts(runtime: Runtime) -> None:
    answer(runtime.session("ann").open())
    runtime.check()
    found = health(runtime)
    assert ("healthy", []) == (found.status, found.issues)
    assert set(found.parts) == PARTS
    assert all(part.ok for part in found.parts.values())
    assert "seq 1" in found.parts["store"].detail
    assert "clean" in found.parts["check"].detail


def test_the_fields_of_the_original_can_be_read_by_subscript(runtime: Runtime) -> None:
    found = health(runtime)
    assert found["status"] == found.status
    assert found["issues"] == found.issues
    assert found["timestamp"] == found.timestamp


def test_a_closed_runtime_is_unhealthy_and_has_no_parts() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        pass
    found = health(runtime)
    assert ("unhealthy", {}) == (found.status, found.parts)


@pytest.mark.parametrize("part", ["writer", "dispatcher"])
def test_what_waits_too_long_is_an_issue(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    counted = runtime.statistics()
    slow = replace(getattr(counted, part), lag_ns=6 * NS_PER_S)
    monkeypatch.setattr(runtime, "statistics", lambda: replace(counted, **{part: slow}))
    found = health(runtime)
    assert "unhealthy" == found.status
    assert not found.parts[part].ok
    assert "6.000 s" in found.issues[0]


def test_a_disk_that_is_nearly_full_is_an_issue(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = runtime.statistics()
    engine = replace(counted.store.engine, disk_free_bytes=1_000)
    store = replace(counted.store, engine=engine)
    monkeypatch.setattr(runtime, "statistics", lambda: replace(counted, store=store))
    found = health(runtime)
    assert "unhealthy" == found.status
    assert ["The file system has 1000 bytes left."] == found.issues


def test_a_check_of_last_week_is_told_but_is_no_issue(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.check()
    counted = runtime.statistics()
    week_ago_us = counted.check.last_clean_at_us - 7 * 86_400 * 10**6
    check = replace(counted.check, last_clean_at_us=week_ago_us)
    monkeypatch.setattr(runtime, "statistics", lambda: replace(counted, check=check))
    found = health(runtime)
    assert "healthy" == found.status
    assert not found.parts["check"].ok
