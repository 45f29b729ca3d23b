"""Two processes and one database: killed, taken over from, and nothing lost."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from weft.actors import Runtime
from weft.cluster.postgres import PostgresStore
from weft.storage import CreateSession

CHILD = Path(__file__).parent / "writing_child.py"


@contextmanager
def child(address: str, session_id: str) -> Generator[subprocess.Popen[str]]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, str(CHILD), address, session_id]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def printed(process: subprocess.Popen[str], lines: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(lines)]


def missing(runtime: Runtime, acknowledged: list[str]) -> list[str]:
    with runtime.store.read() as snapshot:
        return [one for one in acknowledged if snapshot.thread(one) is None]


def test_a_process_that_is_killed_is_followed_at_once_and_has_lost_nothing(
    emptied: str,
) -> None:
    with child(emptied, "a") as process:
        acknowledged = printed(process, 50)
        process.kill()
        rest, _ = process.communicate()
    whole = rest.rpartition("\n")[0]
    with Runtime.open(emptied) as runtime:
        assert [] == missing(runtime, [*acknowledged, *whole.split()])
        assert [] == runtime.check().inconsistencies
        runtime.session("a").create_thread("mine").get(timeout=30)


def test_a_process_that_is_taken_over_from_is_fenced_and_has_lost_nothing(
    emptied: str,
) -> None:
    with child(emptied, "a") as process:
        acknowledged = printed(process, 50)
        with Runtime.open(emptied) as runtime:
            runtime.session("b").create_thread("mine").get(timeout=30)
            *rest, last = process.communicate(timeout=30)[0].split()
            assert ("fenced", 0) == (last, process.returncode)
            assert [] == missing(runtime, [*acknowledged, *rest])
            assert [] == runtime.check().inconsistencies


@pytest.mark.parametrize("fencing", [True, False])
def test_only_the_fence_keeps_a_zombie_from_writing(
    emptied: str, *, fencing: bool
) -> None:
    """The control: with fences switched off the same zombie does write."""
    first, second = (
        PostgresStore(emptied, fencing=fencing, pulse_s=3600.0) for _ in "12"
    )
    wrote: list[int | str | None] = []
    for number, store in enumerate((second, first, second)):
        operation = CreateSession(session_id=f"s{number}", op_id=f"{number}")
        try:
            wrote += [outcome.seq for outcome in store.apply([operation])]
        except Exception as error:  # noqa: BLE001 - which one is told below
            wrote.append(type(error).__name__)
    assert [1, "Fenced" if fencing else 2, 2 if fencing else 3] == wrote
    first.close()
    second.close()
