"""Noted owners: mail for a thread takes the short way, and never the wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.actors.support import Trace, answer, failure, settle
from weft.actors import owners as owners_module
from weft.actors.messages import Command, Routed
from weft.actors.owners import Owners
from weft.storage import ThreadNotFound

if TYPE_CHECKING:
    import pytest

    from weft.actors import Runtime


def test_the_second_command_for_a_thread_goes_straight_to_its_owner(
    runtime: Runtime,
) -> None:
    answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    answer(runtime.coordinator.append_state("t", 1))
    trace = Trace(runtime)
    answer(runtime.coordinator.append_state("t", 2))
    assert [] == [m for m in trace.of("root") if isinstance(m, Routed)]
    assert 1 == len([m for m in trace.of("session", "alice") if isinstance(m, Command)])


def test_a_thread_that_moved_is_looked_for_again(runtime: Runtime) -> None:
    answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    answer(runtime.coordinator.append_state("t", 1))
    assert "alice" == runtime._services.owners.of("t")
    answer(runtime.thread("t").transfer_to("bob"))
    settle(runtime)
    assert runtime._services.owners.of("t") is None
    trace = Trace(runtime)
    answer(runtime.coordinator.append_state("t", 2))
    assert [] == [m for m in trace.of("session", "alice") if isinstance(m, Command)]
    assert 1 == len([m for m in trace.of("session", "bob") if isinstance(m, Command)])


def test_a_removed_thread_is_forgotten(runtime: Runtime) -> None:
    answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    answer(runtime.coordinator.append_state("t", 1))
    answer(runtime.coordinator.remove_thread_from_session("alice", "notes"))
    settle(runtime)
    assert runtime._services.owners.of("t") is None
    error = failure(runtime.coordinator.append_state("t", 2))
    assert isinstance(error, ThreadNotFound)


def test_no_more_is_noted_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners_module, "OWNERS_MAX", 3)
    owners = Owners()
    for n in range(10):
        owners.note(f"t{n}", "alice")
        assert "alice" == owners.of(f"t{n}")
        assert len(owners._session_ids) <= 3
