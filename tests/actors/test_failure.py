"""Failures of futures: those nobody retrieved, cycles, tracebacks."""

from __future__ import annotations

import gc
import logging
import traceback
import weakref
from typing import TYPE_CHECKING

import pytest

from weft.actors.failure import statistics
from weft.actors.future import Future

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def _collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_collector_off")
def test_a_failure_nobody_retrieved_is_logged_and_counted_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = statistics().unretrieved_failures
    future = Future.failed(ValueError("lost"))
    assert not caplog.records
    del future
    (record,) = caplog.records
    assert ("weft.actors", logging.ERROR) == (record.name, record.levelno)
    assert record.exc_info
    assert "lost" == str(record.exc_info[1])
    assert before + 1 == statistics().unretrieved_failures


@pytest.mark.usefixtures("_collector_off")
def test_a_retrieved_failure_is_not_logged_and_leaves_no_cycle(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def ask() -> weakref.ref[Future[None]]:
        future = Future.failed(ValueError())
        try:
            future.get()
        except ValueError:
            return weakref.ref(future)
        finally:
            del future
        raise AssertionError("it did not fail")

    assert None is ask()()
    assert not caplog.records


def test_the_traceback_does_not_grow_with_each_get() -> None:
    def lengths() -> Iterator[int]:
        for _ in range(3):
            try:
                future.get()
            except ValueError as error:
                yield len(traceback.extract_tb(error.__traceback__))

    future: Future[None] = Future()
    try:
        raise ValueError  # noqa: TRY301
    except ValueError as error:
        future.fail(error)
    first, second, third = lengths()
    assert first == second == third
