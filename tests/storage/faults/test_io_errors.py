"""Whatever call fails, and however: all are told, nothing acknowledged is lost."""

import itertools
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage import iorecorder
from tests.storage.crash.enumeration import scratch
from tests.storage.faults.injector import FAILURES, Failure, FaultyIo
from tests.storage.faults.trial import Trial, count_calls

REASON = iorecorder.unsupported()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

CALLS_MIN = 30


@pytest.fixture
def place(caplog: pytest.LogCaptureFixture) -> Iterator[Path]:
    """Return a directory in memory, where a sync costs nothing."""
    caplog.set_level(logging.CRITICAL, "weft.storage")  # thousands of failures
    directory = scratch()
    yield directory
    shutil.rmtree(directory)


def try_failures(place: Path, failure: Failure, seed: int, step: int) -> int:
    """Let every step-th call fail, each in a life of its own; return how many."""
    calls = count_calls(place / f"{seed}", seed)
    shutil.rmtree(place / f"{seed}")
    assert calls > CALLS_MIN
    failed = 0
    for at in range(1, calls + 1, step):
        trial = Trial(place / f"{seed}-{at}", seed)
        with FaultyIo() as io:
            trial.run(io, failure, at)
        failed += io.failed > 0
        assert [] == trial.faults, f"seed {seed}, call {at}, {failure}"
        shutil.rmtree(place / f"{seed}-{at}")
    return failed


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_of_any_call_is_told_and_loses_nothing(
    place: Path, name: str
) -> None:
    assert try_failures(place, FAILURES[name], seed=1, step=5) > 2


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_failure_of_every_call_is_told_and_loses_nothing(place: Path) -> None:
    failed = sum(
        try_failures(place, failure, seed, step=1)
        for failure, seed in itertools.product(FAILURES.values(), range(1, 11))
    )
    print(f"{failed} lives with a failing disk")  # noqa: T201 (the figure of a proof)
    assert failed > 1000
