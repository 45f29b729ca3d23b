"""The collector: full collections wait for quiet moments and look at what is new."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.actors.echo import Echo
from tests.actors.support import LONG_S, answer, settle
from weft.actors import Future
from weft.actors import collector as collector_module
from weft.actors.collector import (
    FULL_AT_LATEST_AFTER,
    FULL_DUE_AFTER,
    MIDDLE_AFTER,
    YOUNG,
    Collector,
)
from weft.actors.light_actor import LightActor, handles
from weft.actors.messages import Passivate
from weft.actors.passivation import Passivation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.actors.conftest import Open
    from weft.actors import Runtime
    from weft.actors.dispatcher import Dispatcher
    from weft.actors.scheduler import Mail

logger = logging.getLogger(__name__)


class Circle:
    """An object that only a collection frees."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def _settings_are_given_back() -> Iterator[None]:
    before = gc.get_threshold(), gc.isenabled()
    yield
    gc.unfreeze()
    assert before == (gc.get_threshold(), gc.isenabled())


def make_due(collections: int) -> None:
    """Have the middle generation collected so often."""
    while gc.get_count()[2] < collections:
        gc.collect(1)


def test_a_full_collection_that_is_due_runs_in_a_quiet_moment(
    dispatcher: Dispatcher,
) -> None:
    collector = Collector(dispatcher)
    dispatcher.current = cast("Mail", object())  # busy: the circle must not be frozen
    collector.start()
    try:
        circle, died = Circle(), list[object]()
        gone = weakref.ref(circle, died.append)  # who asked it would keep it alive
        gc.collect(1)  # it is in the oldest generation now
        del circle
        dispatcher.current = None
        deadline_s = time.monotonic() + LONG_S
        while not died or not collector.full_collections:
            assert time.monotonic() < deadline_s
            make_due(FULL_DUE_AFTER)
        assert [gone] == died
    finally:
        collector.stop(LONG_S)


@pytest.fixture
def collector(dispatcher: Dispatcher) -> Iterator[Collector]:
    """Return one that is started, and looks only when it is told to."""
    collector = Collector(dispatcher)
    collector._run = lambda: None  # type: ignore[method-assign]
    collector._thread = threading.Thread(target=collector._run)
    gc.disable()  # nobody else may collect meanwhile
    collector.start()
    yield collector
    collector.stop(LONG_S)
    gc.enable()


def test_a_busy_dispatcher_is_left_alone_until_there_is_too_much_to_look_at(
    dispatcher: Dispatcher, collector: Collector
) -> None:
    echo, gate = Echo(dispatcher), threading.Event()
    busy = echo.actor_ref.ask(gate, block=False)
    assert echo.entered.wait(LONG_S)
    try:
        make_due(FULL_DUE_AFTER)
        collector._look()
        assert 0 == collector.full_collections
        gc.enable()
        young = []
        while not collector.full_collections:
            young.append(Circle())
        # Python also wants a quarter of what was there before to be new.
        quarter = collector._frozen_max // 4
        most = YOUNG * (MIDDLE_AFTER + 1) * (FULL_AT_LATEST_AFTER + 4)
        assert len(young) <= most + quarter
        collector._look()  # nothing is due
        assert 1 == collector.full_collections
    finally:
        gate.set()
        busy.get(timeout=LONG_S)


def test_a_full_collection_looks_only_at_what_is_new(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "LOOKED_AT_MAX", 0)
    old = [Circle() for _ in range(1_000)]
    collector._collect()
    assert gc.get_freeze_count() >= len(old)
    assert len(gc.get_objects()) < len(old)
    new, gone = Circle(), weakref.ref(old[0])
    new_gone = weakref.ref(new)
    del old, new
    collector._collect()
    assert None is new_gone()
    assert None is not gone()  # the price


def test_where_little_is_frozen_everything_is_looked_at_again(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "LOOKED_AT_MAX", 10_000_000)
    old = Circle()
    collector._collect()
    assert gc.get_freeze_count()
    gone = weakref.ref(old)
    del old
    collector._collect()
    assert None is gone()


def test_pauses_are_counted_by_generation(collector: Collector) -> None:
    for generation, times in ((0, 3), (1, 2), (2, 1)):
        for _ in range(times):
            gc.collect(generation)
    found = collector.statistics()
    assert {"0": 3, "1": 2, "2": 1} == {g: p.count for g, p in found.pauses.items()}
    longest_ns = max(pauses.total for pauses in found.pauses.values())
    assert 0 < found.pause_max_ns <= longest_ns


def test_a_runtime_that_is_told_to_takes_the_collector_over_until_it_is_closed(
    open_runtime: Open,
) -> None:
    before = gc.get_threshold()
    plain = open_runtime()
    assert before == gc.get_threshold()
    assert {} == plain.statistics().collector.pauses
    runtimes = [open_runtime(collector=True) for _ in range(2)]
    for runtime in runtimes:
        own = (YOUNG, MIDDLE_AFTER, FULL_AT_LATEST_AFTER)
        assert own == gc.get_threshold()
        assert gc.get_freeze_count()
        gc.collect(0)
        assert runtime.statistics().collector.pauses["0"].count
        runtime.close()
    assert before == gc.get_threshold()
    assert 0 == gc.get_freeze_count()
    assert [] == [one for one in gc.callbacks if getattr(one, "__self__", 0)]


def test_what_the_application_has_frozen_stays_frozen(dispatcher: Dispatcher) -> None:
    gc.freeze()
    collector = Collector(dispatcher)
    collector.start()
    collector.stop(LONG_S)
    assert gc.get_freeze_count()


def live_a_little(runtime: Runtime) -> None:
    """Make sessions and threads, use them, and close what can be closed."""
    for n in range(50):
        alice = runtime.session(f"s-{n}")
        notes = answer(alice.create_thread("notes", thread_id=f"t-{n}"))
        answer(notes.run())
        failed: Future[None] = Future()  # the frame of who gets it would be a circle
        notes.run(workflow="fail").add_done_callback(lambda _, f=failed: f.set())  # type: ignore[misc]
        answer(failed)
        answer(notes.transfer_to("bob", new_name=f"n-{n}"))
        answer(alice.close())
    answer(runtime.thread("t-0").remove())


def test_sessions_and_threads_that_end_leave_no_circles(open_runtime: Open) -> None:
    runtime = open_runtime()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        live_a_little(runtime)
        for _ in range(3):  # threads first, then those who had them
            for cell in list(runtime._services.sessions.values()):
                runtime._dispatcher.post(cell, Passivate())
            settle(runtime)
        assert {} == runtime._services.sessions == runtime._services.threads
        gc.collect()
        assert [] == [
            type(o).__name__ for o in gc.garbage if "weft" in type(o).__module__
        ]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


class Activator(LightActor):
    """Activates sessions in its turns."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime._dispatcher, "activator")
        self._root: Any = runtime._root.actor

    @handles(range)
    def _activate(self, numbers: range) -> None:
        for number in numbers:
            self._root.session(f"session-{number}")


class Pauses:
    """The longest collection in CPU time: other processes do not count."""

    def __init__(self) -> None:
        self.max_s = 0.0
        self._began_s = 0.0

    def __call__(self, phase: str, _info: dict[str, int]) -> None:
        now_s = time.thread_time()
        if phase == "start":
            self._began_s = now_s
        else:
            self.max_s = max(self.max_s, now_s - self._began_s)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_no_pause_is_longer_than_50_ms_with_a_million_resident_sessions(
    open_runtime: Open,
) -> None:
    policy = Passivation(sessions_max=2_000_000, idle_s=1e6)
    runtime = open_runtime(collector=True, passivation=policy)
    activator, pauses = Activator(runtime).actor_ref, Pauses()
    gc.callbacks.append(pauses)
    try:
        for first in range(0, 1_000_000, 1_000):
            activator.ask(range(first, first + 1_000), timeout=LONG_S)
        for number in range(2_000):  # life goes on
            alice = runtime.session(f"alice-{number}")
            answer(answer(alice.create_thread("notes")).run())
    finally:
        gc.callbacks.remove(pauses)
    found = runtime.statistics()
    assert found.actors["session", "idle"] > 1_000_000
    assert found.collector.full_collections > 10
    logger.info("%s collections", found.collector.full_collections)
    logger.info("%.4f s was the longest pause", pauses.max_s)
    assert pauses.max_s < 0.05


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


def test_a_collection_that_was_begun_before_is_not_counted(
    dispatcher: Dispatcher,
) -> None:
    collector = Collector(dispatcher)
    collector._observe("stop", {"generation": 0})
    assert 0 == collector.pause_max_ns
    collector._observe("start", {"generation": 0})
    collector._observe("stop", {"generation": 0})
    assert 0 < collector.pause_max_ns < LONG_S * 1e9
