"""A runtime on a disk that fails: all are told, health says so, nobody restarts it."""

import threading
from pathlib import Path

import pytest

from tests.actors.conftest import Open
from tests.actors.support import LONG_S, Trace, answer, answers, failure, settle
from tests.storage import iorecorder
from tests.storage.faults.injector import FAILURES, FaultyIo
from weft.actors import Runtime
from weft.actors.messages import Feed
from weft.metrics.readings import read
from weft.storage import StoreReadOnly, lmdb_environment
from weft.storage import writer as writer_module

REASON = iorecorder.unsupported()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

CALLERS = 50


def health(runtime: Runtime) -> str:
    return answer(runtime.coordinator.health_check()).status


def read_only_metric(runtime: Runtime) -> float:
    numbers = read(runtime.statistics()).numbers
    (value,) = numbers["weft_store_read_only"].values()
    return float(value)


@pytest.mark.parametrize("name", ["disk full from now on", "I/O error from now on"])
def test_a_failing_disk_is_told_to_all_and_survived(
    tmp_store: Path,
    open_runtime: Open,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer_module, "PROBE_INTERVAL_S", 0.02)
    with FaultyIo() as io:
        runtime = open_runtime(tmp_store)
        create = runtime.coordinator.create_session
        answers([create(f"before-{number}") for number in range(CALLERS)])
        assert ("healthy", 0.0) == (health(runtime), read_only_metric(runtime))

        io.arm(FAILURES[name], at=1)
        refused = [create(f"during-{n}", op_id=f"op-{n}") for n in range(CALLERS)]
        for number, future in enumerate(refused):
            error = failure(future)
            assert isinstance(error, StoreReadOnly)
            assert f"op-{number}" == error.op_id
        assert runtime.read_only
        assert ("unhealthy", 1.0) == (health(runtime), read_only_metric(runtime))
        assert answer(runtime.coordinator.get_session("before-1")).session_id

        io.heal()
        wait_until_writable(runtime)
        assert ("healthy", 0.0) == (health(runtime), read_only_metric(runtime))
        answers([create(f"during-{n}", op_id=f"op-{n}") for n in range(CALLERS)])
        assert runtime.check().clean
        runtime.close()


def wait_until_writable(runtime: Runtime) -> None:
    """Wait until the runtime says so; nobody asks it for anything."""
    for _ in range(1000):
        if not runtime.read_only:
            return
        threading.Event().wait(LONG_S / 1000)
    raise AssertionError("the runtime stayed read-only")


def test_a_group_that_took_effect_in_spite_of_its_failure_reaches_the_sessions(
    tmp_store: Path, open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "PROBE_INTERVAL_S", 0.02)
    monkeypatch.setattr(lmdb_environment, "LEAVE_TIMEOUT_S", 0.01)
    with FaultyIo() as io:
        runtime = open_runtime(tmp_store)
        create = runtime.coordinator.create_thread_with_session
        answer(runtime.coordinator.create_session("a"))
        answer(create("a", {}, "one"))
        trace = Trace(runtime)
        with runtime.store.read():
            io.arm(FAILURES["I/O error after work that cannot be undone"], at=None)
            error = failure(create("a", {}, "two", op_id="two"))
            assert isinstance(error, StoreReadOnly)
            assert error.details["in_doubt"]
        wait_until_writable(runtime)
        settle(runtime)
        fed = [told for told in trace.of("session", "a") if isinstance(told, Feed)]
        assert [3] == [told.seq for told in fed]
        thread_id = answer(create("a", {}, "two", op_id="two"))
        assert {"runs": 1} == answer(
            runtime.coordinator.execute_workflow_in_session("a", "two")
        )
        assert thread_id == answer(runtime.coordinator.get_thread(thread_id)).thread_id
        assert runtime.check().clean
        runtime.close()
