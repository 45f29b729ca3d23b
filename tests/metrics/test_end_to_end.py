"""From what happens in a runtime to the page that Prometheus reads."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

from tests.actors.crashing import break_loop, crash_handler, fast_policy, set_policy
from tests.actors.support import LONG_S, answer, failure, settle
from weft.actors import Runtime
from weft.actors.messages import Command, Passivate
from weft.actors.session import SessionActor
from weft.metrics import register
from weft.storage import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    set_policy(monkeypatch, fast_policy(restarts_max=0, quarantine_s=LONG_S))
    workflows = {"default": lambda _context, _config: None}
    with Runtime.open(
        store=MemoryStore(), workflows=workflows, collector=True
    ) as runtime:
        yield runtime


def test_what_happens_in_a_runtime_stands_on_the_page(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = register(runtime)

    def value(name: str, **labels: str) -> Any:
        return registry.get_sample_value(name, labels)

    crashes = value("weft_dispatcher_crashes_total")
    notes = answer(runtime.session("bob").create_thread("notes"))
    answer(notes.run())
    answer(runtime.session("alice").open())
    assert 2 == value("weft_actors_started_total", actor_type="session")
    assert 1 == value("weft_actors_started_total", actor_type="thread")

    with monkeypatch.context() as patch:
        crash_handler(patch, SessionActor, Command)
        failure(runtime.session("alice").create_thread("x"))
    failure(runtime.session("alice").create_thread("x"))
    assert 1 == value("weft_actor_restarts_total", actor_type="session")
    assert 1 == value("weft_actor_quarantines_total")
    assert 1 == value("weft_actors", actor_type="session", state="quarantined")
    assert 1 <= value("weft_dead_letters_total", reason="quarantined")

    for _ in range(2):  # the thread, then its session
        runtime._dispatcher.post(runtime._services.sessions["bob"], Passivate())
        settle(runtime)
    for kind in ("session", "thread"):
        stopped = {"actor_type": kind, "reason": "passivated"}
        assert 1 == value("weft_actors_stopped_total", **stopped)

    answer(runtime.session("bob").open())  # wakes it up
    break_loop(runtime, lambda _, m: isinstance(m, Command), OSError())
    failure(notes.rename("memos"))
    runtime._dispatcher.trace = None
    assert crashes + 1 == value("weft_dispatcher_crashes_total")
    assert 1 <= value("weft_dead_letters_total", reason="crashed")
    assert 0 <= value("weft_actor_messages_refused_total")
    assert 0 <= value("weft_actor_long_turns_total", actor_type="session")
    assert 0 == value("weft_pool_waiting_jobs")
    gc.collect(0)
    assert 0 < value("weft_gc_pause_seconds_count", generation="0")
    assert 0 < value("weft_gc_pause_max_seconds") < LONG_S
