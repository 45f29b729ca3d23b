"""Workflows in processes: deaths, killing, reuse, and what another process finds."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actors import executor_contract as contract
from tests.actors.conftest import Open
from tests.actors.executor_contract import Driver, eventually
from tests.actors.support import LONG_S, answer, failure
from weft.actors import ProcessExecutor, WorkerDied, workflow
from weft.storage import WorkflowExecutionError


@pytest.fixture(scope="module")
def executor() -> Iterator[ProcessExecutor]:
    executor = ProcessExecutor(size_max=1)
    yield executor
    assert executor.close(LONG_S)
    assert 0 == executor.statistics().processes


@pytest.fixture
def driver(executor: ProcessExecutor) -> Driver:
    return Driver(executor, "processes")


@pytest.mark.parametrize(
    ("signal_number", "code", "words"),
    [(0, 3, "exit code 3"), (signal.SIGKILL, -9, "SIGKILL"), (11, -11, "SIGSEGV")],
)
def test_the_end_of_a_process_is_its_runs_error(
    driver: Driver, signal_number: int, code: int, words: str
) -> None:
    drive = driver.start(contract.die, {"signal": signal_number, "code": code})
    error = drive.error()
    assert isinstance(error, WorkerDied)
    assert code == error.exit_code_of_worker
    assert words in str(error)
    assert ["before"] == drive.states
    assert driver.still_works()


def test_a_process_is_used_again_and_is_not_this_one(driver: Driver) -> None:
    first = driver.start(contract.say_where).result()
    assert os.getpid() == first[1]
    assert first == driver.start(contract.say_where).result()


def test_an_abandoned_process_is_killed(
    driver: Driver, executor: ProcessExecutor, tmp_path: Path
) -> None:
    pid = driver.start(contract.say_where).result()[0]
    drive = driver.start(contract.hang, {"until": str(tmp_path / "never")})
    drive.reached(1)
    drive.abandon()
    assert driver.still_works()
    assert eventually(lambda: not Path(f"/proc/{pid}").exists())
    assert not drive.future.done()
    assert 1 == executor.statistics().processes


def test_a_process_that_died_while_it_was_idle_is_replaced(driver: Driver) -> None:
    pid = driver.start(contract.say_where).result()[0]
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert driver.still_works()


def test_a_run_in_a_runtime_computes_in_a_process(open_runtime: Open) -> None:
    count = workflow(executor="processes")(contract.count)
    die = workflow(executor="processes")(contract.die)
    runtime = open_runtime(workflows={"far": count, "die": die})
    thread = answer(runtime.session("alice").create_thread("a", "far"))
    states = list(thread.stream({"from": 0, "to": 3}))
    assert [None, 0, 1] == [(s["before"] or {}).get("n") for s in states]
    error = failure(thread.run({"signal": 9, "code": 0}, workflow="die"))
    assert isinstance(error, WorkflowExecutionError)
    assert isinstance(error.cause, WorkerDied)
    assert {"n": 1, "before": {"n": 0, "before": "before"}} == answer(
        thread.run({"from": 0, "to": 2})
    )


def program(folder: Path, code: str) -> Path:
    """Return a program that finds what this one finds, with a workflow in it."""
    head = f"""
        import sys
        sys.path[:] = {sys.path!r}
        from weft.actors import Runtime, workflow
        from weft.storage import MemoryStore
    """
    script = folder / "script.py"
    script.write_text(textwrap.dedent(head) + textwrap.dedent(code))
    return script


def test_a_main_module_is_found_and_not_run_again(tmp_path: Path) -> None:
    script = program(
        tmp_path,
        """
        @workflow(executor="processes")
        def where(context, config):
            return __name__

        if __name__ == "__main__":
            with Runtime.open(store=MemoryStore(), workflows=[where]) as runtime:
                alice = runtime.session("alice")
                thread = alice.create_thread("a", "where").get(timeout=20)
                print(thread.run().get(timeout=20))
        """,
    )
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert ("__weft_main__\n", "") == (done.stdout, done.stderr)


def test_what_a_run_has_started_ends_with_the_process_of_its_runtime(
    tmp_path: Path,
) -> None:
    script = program(
        tmp_path,
        """
        import subprocess

        @workflow(executor="processes")
        def start(context, config):
            yield subprocess.Popen(["sleep", "1000"]).pid
            subprocess.Popen(["sleep", "1000"]).wait()

        if __name__ == "__main__":
            runtime = Runtime.open(store=MemoryStore(), workflows=[start])
            thread = runtime.session("alice").create_thread("a", "start").get()
            for pid in thread.stream():
                print(pid, flush=True)
        """,
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        process.kill()
    assert eventually(lambda: not Path(f"/proc/{pid}").exists())
