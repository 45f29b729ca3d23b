"""The OpenAI Agents SDK keeps its conversations on Weft threads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("agents", reason="needs the extra [openai]")

from agents import Agent, Model, ModelResponse, Runner, Usage, set_tracing_disabled
from agents.memory import Session, SessionSettings
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

from tests.actors.support import answer
from weft.actors import Runtime
from weft.integrations.openai_agents import OWNER, WeftSession
from weft.storage import (
    InvalidArgument,
    MemoryStore,
    ThreadBusy,
    ThreadNotFound,
    WorkflowExecutionError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT_S = 30.0


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    workflows = {"default": lambda _context, _config: {"n": 1}}
    with Runtime.open(store=MemoryStore(), workflows=workflows) as runtime:
        yield runtime


def says(text: str) -> Any:
    return {"role": "user", "content": text}


def read(session: WeftSession, limit: int | None = None) -> list[str]:
    items: list[Any] = asyncio.run(session.get_items(limit))
    return [item["content"] for item in items]


def add(session: WeftSession, *texts: str) -> None:
    asyncio.run(session.add_items([says(text) for text in texts]))


def test_it_is_a_session_of_the_sdk(runtime: Runtime) -> None:
    assert isinstance(WeftSession(runtime, "c"), Session)


def test_items_come_back_in_the_order_they_were_added(runtime: Runtime) -> None:
    session = WeftSession(runtime, "c")
    assert [] == read(session)
    add(session, "a", "b")
    add(session, "c")
    assert ["a", "b", "c"] == read(session)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(0, []), (1, ["c"]), (2, ["b", "c"]), (9, ["a", "b", "c"]), (-1, ["a", "b", "c"])],
)
def test_a_limit_is_of_the_newest_items(
    limit: int, expected: list[str], runtime: Runtime
) -> None:
    session = WeftSession(runtime, "c")
    add(session, "a")
    add(session, "b", "c")
    assert expected == read(session, limit)


def test_the_settings_limit_holds_where_none_is_given(runtime: Runtime) -> None:
    session = WeftSession(runtime, "c", session_settings=SessionSettings(limit=1))
    add(session, "a", "b")
    assert (["b"], ["a", "b"]) == (read(session), read(session, 5))


def test_popping_goes_back_over_everything_that_was_added(runtime: Runtime) -> None:
    session = WeftSession(runtime, "c")
    add(session, "a")
    add(session, "b", "c")
    popped: list[Any] = [asyncio.run(session.pop_item()) for _ in range(4)]
    assert ["c", "b", "a"] == [item["content"] for item in popped[:3]]
    assert (None, []) == (popped[3], read(session))
    add(session, "d")
    assert ["d"] == read(session)


def test_what_is_added_after_a_pop_follows_what_was_left(runtime: Runtime) -> None:
    session = WeftSession(runtime, "c")
    add(session, "a", "b")
    asyncio.run(session.pop_item())
    add(session, "c")
    assert ["a", "c"] == read(session)


def test_a_cleared_conversation_begins_anew_and_its_history_stays(
    runtime: Runtime,
) -> None:
    session = WeftSession(runtime, "c")
    asyncio.run(session.clear_session())
    add(session, "a")
    asyncio.run(session.clear_session())
    assert [] == read(session)
    add(session, "b")
    assert ["b"] == read(session)
    assert 3 == len(answer(runtime.coordinator.thread_history("c")))


def test_additions_at_the_same_time_are_all_kept(runtime: Runtime) -> None:
    async def talk() -> list[Any]:
        sessions = [WeftSession(runtime, "c") for _ in range(16)]
        await asyncio.gather(
            *(each.add_items([says(str(n))]) for n, each in enumerate(sessions))
        )
        return await sessions[0].get_items()

    assert set(map(str, range(16))) == {item["content"] for item in asyncio.run(talk())}


def test_a_pop_at_the_same_time_pops_each_item_once(runtime: Runtime) -> None:
    session = WeftSession(runtime, "c")
    add(session, *map(str, range(8)))

    async def pop() -> list[Any]:
        return await asyncio.gather(*(session.pop_item() for _ in range(10)))

    popped = [item["content"] for item in asyncio.run(pop()) if item]
    assert sorted(map(str, range(8))) == sorted(popped)


def test_it_belongs_to_a_session_and_can_be_moved(runtime: Runtime) -> None:
    add(WeftSession(runtime, "c"), "a")
    alices = WeftSession(runtime, "d", owner="alice")
    add(alices, "b")
    assert OWNER == answer(runtime.coordinator.get_thread("c")).session_id
    assert "alice" == answer(runtime.coordinator.get_thread("d")).session_id
    answer(runtime.thread("d").transfer_to("bob"))
    assert "bob" == answer(runtime.coordinator.get_thread("d")).session_id
    add(alices, "c")
    assert ["b", "c"] == read(alices)


def test_a_removed_conversation_does_not_come_back_by_accident(
    runtime: Runtime,
) -> None:
    session = WeftSession(runtime, "c")
    add(session, "a")
    answer(runtime.coordinator.remove_thread_from_session(OWNER, "c"))
    with pytest.raises(ThreadNotFound):
        add(session, "b")
    assert [] == read(session)


def test_a_thread_that_keeps_something_else_is_refused(runtime: Runtime) -> None:
    thread = answer(runtime.session("alice").create_thread("x", thread_id="x"))
    answer(thread.run())
    with pytest.raises(InvalidArgument, match="something else than a conversation"):
        read(WeftSession(runtime, "x"))


def test_a_run_in_progress_refuses_changes_by_hand() -> None:
    def agent(_context: Any, _config: Any) -> None:
        add(session, "b")

    with Runtime.open(store=MemoryStore(), workflows={"default": agent}) as runtime:
        session = WeftSession(runtime, "c")
        add(session, "a")
        run = runtime.coordinator.execute_workflow_in_session(OWNER, "c")
        with pytest.raises(WorkflowExecutionError) as failed:
            run.get(timeout=TIMEOUT_S)
    assert isinstance(failed.value.cause, ThreadBusy)


def test_it_survives_the_process(tmp_store: Path) -> None:
    with Runtime.open(tmp_store) as runtime:
        add(WeftSession(runtime, "c"), "a")
    with Runtime.open(tmp_store) as runtime:
        assert ["a"] == read(WeftSession(runtime, "c"))


class Parrot(Model):
    """Says how many items it was given."""

    async def get_response(self, *arguments: Any, **named: Any) -> ModelResponse:
        given = named["input"] if "input" in named else arguments[1]
        text = ResponseOutputText(
            annotations=[], text=f"{len(given)} items", type="output_text"
        )
        message = ResponseOutputMessage(
            id="m",
            content=[text],
            role="assistant",
            status="completed",
            type="message",
        )
        return ModelResponse(output=[message], usage=Usage(), response_id=None)

    def stream_response(self, *_arguments: Any, **_named: Any) -> Any:
        raise NotImplementedError


def test_an_agent_remembers_what_was_said_before(runtime: Runtime) -> None:
    set_tracing_disabled(disabled=True)
    agent = Agent(name="parrot", model=Parrot())
    session = WeftSession(runtime, "c", owner="alice")

    async def talk() -> list[str]:
        words = ("Hello", "And now?")
        return [
            (await Runner.run(agent, each, session=session)).final_output
            for each in words
        ]

    assert ["1 items", "3 items"] == asyncio.run(talk())
    assert 4 == len(asyncio.run(session.get_items()))
