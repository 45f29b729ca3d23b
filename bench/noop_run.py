"""A run of a workflow that does nothing: from ``execute`` to its result, durable.

A run has two flushes by nature: its start and its end are both promised. So it is
measured against the commits of a store in the same directory, made in turns with it.
"""

import time
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.engine import ANSWER_TIMEOUT_S
from weft.actors import Runtime, workflow
from weft.storage import CreateSession, LmdbStore, new_id

__all__ = ["RunMeasurement", "RunSpec", "measure_run"]


class RunSpec(msgspec.Struct, frozen=True, tag=True):
    """Run so many times, each on an idle thread of its own.

    Attributes:
        directory: an empty folder.
    """

    directory: str
    runs: int


class RunMeasurement(msgspec.Struct, frozen=True):
    """What a run takes.

    Attributes:
        run_p50_us: from the call to the result.
        commit_p50_us: one operation, applied and flushed, without any actor.
    """

    run_p50_us: float
    commit_p50_us: float

    @property
    def own_us(self) -> float:
        """What a run takes beyond its two commits."""
        return self.run_p50_us - 2 * self.commit_p50_us


@workflow(version="1")
def nothing(_context: Any, config: dict[str, Any]) -> dict[str, Any]:
    """Return what it was given."""
    return config


def measure_run(spec: RunSpec) -> RunMeasurement:
    """Measure runs and commits in turns.

    Raises:
        AssertionError: a run is not in the store, or has not succeeded.
    """
    directory = Path(spec.directory)
    other = LmdbStore(directory / "commits")
    run_us: list[float] = []
    commit_us: list[float] = []
    with Runtime.open(directory / "runs", workflows=[nothing]) as runtime:
        ids = _threads(runtime, spec.runs)
        execute = runtime.coordinator.execute_workflow_in_session
        for name in ids:
            began_ns = time.perf_counter_ns()
            execute("session", name, {"n": 1}).get(timeout=ANSWER_TIMEOUT_S)
            run_us.append((time.perf_counter_ns() - began_ns) / 1e3)
            began_ns = time.perf_counter_ns()
            other.apply([CreateSession(op_id=new_id(), session_id=name)])
            commit_us.append((time.perf_counter_ns() - began_ns) / 1e3)
        _verify(runtime, ids)
    other.close()
    return RunMeasurement(median(run_us), median(commit_us))


def _threads(runtime: Runtime, number: int) -> dict[str, str]:
    session = runtime.session("session")
    made = {
        f"thread-{n}": session.create_thread(f"thread-{n}", "nothing")
        for n in range(number)
    }
    return {
        name: future.get(timeout=ANSWER_TIMEOUT_S).thread_id
        for name, future in made.items()
    }


def _verify(runtime: Runtime, ids: dict[str, str]) -> None:
    with runtime.store.read() as snapshot:
        for name, thread_id in ids.items():
            statuses = [run.status for run in snapshot.runs(thread_id)]
            if statuses != ["success"]:
                raise AssertionError(f"{name}: its runs are {statuses}")
