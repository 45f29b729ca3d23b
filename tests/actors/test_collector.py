"""The collector: full collections wait for quiet moments, and skip what stays."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import TYPE_CHECKING

import pytest

from tests.actors.echo import Echo
from tests.actors.support import LONG_S
from weft.actors.collector import DEFERRED_MAX_S, FULL_DUE_AFTER, Collector
from weft.actors.dispatcher import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Iterator


class Circle:
    """An object that only a collection frees."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher()
    dispatcher.start()
    yield dispatcher
    assert dispatcher.stop(LONG_S)


@pytest.fixture(autouse=True)
def _settings_are_given_back() -> Iterator[None]:
    before = gc.get_threshold(), gc.isenabled()
    yield
    gc.unfreeze()
    assert before == (gc.get_threshold(), gc.isenabled())


def make_full_collection_due() -> None:
    for _ in range(FULL_DUE_AFTER):
        gc.collect(1)


def test_a_full_collection_that_is_due_runs_in_a_quiet_moment(
    dispatcher: Dispatcher,
) -> None:
    collector = Collector(dispatcher)
    collector.start()
    try:
        circle = Circle()
        make_full_collection_due()  # the circle is in the oldest generation now
        gone = weakref.ref(circle)
        del circle
        deadline_s = time.monotonic() + LONG_S
        while not collector.full_collections:
            assert time.monotonic() < deadline_s
            make_full_collection_due()
        assert None is gone()
    finally:
        collector.stop(LONG_S)


def test_a_busy_dispatcher_is_left_alone_but_not_for_ever(
    dispatcher: Dispatcher,
) -> None:
    collector = Collector(dispatcher)
    echo, gate = Echo(dispatcher), threading.Event()
    busy = echo.actor_ref.ask(gate, block=False)
    assert echo.entered.wait(LONG_S)
    gc.disable()  # nobody else may collect meanwhile
    try:
        make_full_collection_due()
        collector._look(0.0)
        collector._look(DEFERRED_MAX_S - 1)
        assert 0 == collector.full_collections
        collector._look(DEFERRED_MAX_S)
        assert 1 == collector.full_collections
        collector._look(2 * DEFERRED_MAX_S)  # nothing is due
        assert 1 == collector.full_collections
    finally:
        gc.enable()
        gate.set()
        busy.get(timeout=LONG_S)


def test_what_was_activated_in_bulk_is_not_looked_at_again(
    dispatcher: Dispatcher,
) -> None:
    before = gc.get_freeze_count()
    with Collector.bulk():
        assert not gc.isenabled()
        actors = [Echo(dispatcher, str(number)) for number in range(1_000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() - before >= 1_000
    gone = weakref.ref(actors[0])
    ref = actors[0].actor_ref
    del actors
    ref.stop(timeout=LONG_S)  # counting references frees it all the same
    dispatcher_has_slept(dispatcher)
    assert None is gone()


def dispatcher_has_slept(dispatcher: Dispatcher) -> None:
    deadline_s = time.monotonic() + LONG_S
    while not dispatcher.is_idle:
        assert time.monotonic() < deadline_s


def test_a_bulk_that_fails_turns_the_collector_on_again() -> None:
    with pytest.raises(ZeroDivisionError), Collector.bulk():
        raise ZeroDivisionError
    assert gc.isenabled()
