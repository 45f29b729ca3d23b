"""A child that dies is an answer; so is one that does its work."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from weft.storage import LmdbStore
from weft.storage.child import run_child
from weft.storage.verify import Examination

FD_SETSIZE = 1024
"""Where select(2) ends."""


def test_the_result_of_a_child_is_what_it_says(tmp_store: Path) -> None:
    LmdbStore(tmp_store).close()
    ended = run_child(["examine", str(tmp_store / "store")], Examination)
    assert ended.result is not None
    assert [] == ended.result.damages
    assert ended.duration_s > ended.result.duration_s > 0


def test_a_child_is_heard_by_a_process_with_many_open_files(tmp_store: Path) -> None:
    LmdbStore(tmp_store).close()
    with ExitStack() as files:
        while files.enter_context(Path(os.devnull).open("rb")).fileno() <= FD_SETSIZE:
            pass
        ended = run_child(["examine", str(tmp_store / "store")], Examination)
    assert ended.result is not None


def test_how_far_a_child_is_can_be_asked_while_it_works(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data.mdb")
    answers = iter([None, (1, 3), (1, 3), (2, 3)])
    told: list[tuple[int, int]] = []

    def poll(pid: int) -> tuple[int, int] | None:
        answer = next(answers, (0, 0))
        if answer == (0, 0):
            os.kill(pid, signal.SIGKILL)
        return answer

    run_child(
        ["examine", str(tmp_path)],
        Examination,
        progress=lambda *numbers: told.append(numbers),
        poll=poll,
    )
    assert [(1, 3), (2, 3)] == told[:2]


def test_a_child_that_fails_says_how(tmp_path: Path) -> None:
    ended = run_child(["examine", str(tmp_path)], Examination)
    assert ended.result is None
    assert ended.words.startswith("ended with exit code 1 (FileNotFoundError")


def test_a_child_that_is_killed_is_an_answer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data.mdb")  # opening it waits for a writer that never comes

    def kill(pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    ended = run_child(["examine", str(tmp_path)], Examination, poll=kill)
    assert ended.result is None
    assert "was killed by SIGKILL" == ended.words


def test_no_child_outlives_a_call_that_is_interrupted(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data.mdb")
    pids: list[int] = []

    def interrupt(pid: int) -> None:
        pids.append(pid)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_child(["examine", str(tmp_path)], Examination, poll=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
