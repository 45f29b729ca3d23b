"""Google's Agent Development Kit keeps its sessions on Weft threads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("google.adk", reason="needs the extra [adk]")

from google.adk.agents import LlmAgent
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events import Event, EventActions
from google.adk.models import BaseLlm
from google.adk.models.llm_response import LlmResponse
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.sessions.base_session_service import (
    BaseSessionService,
    GetSessionConfig,
)
from google.genai import types

from tests.actors.support import answer
from weft.actors import Runtime
from weft.integrations.google_adk import WeftSessionService
from weft.storage import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from google.adk.models.llm_request import LlmRequest
    from google.adk.sessions import Session

WHO: dict[str, Any] = {"app_name": "shop", "user_id": "ann"}


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime.open(store=MemoryStore()) as runtime:
        yield runtime


def event(text: str, **delta: Any) -> Event:
    return Event(
        author="user",
        content=types.Content(parts=[types.Part(text=text)]),
        actions=EventActions(state_delta=delta),
    )


def texts(session: Session | None) -> list[str]:
    assert session is not None
    contents: list[Any] = [each.content for each in session.events]
    return [each.parts[0].text for each in contents]


async def told_three(service: BaseSessionService, **more: Any) -> Session:
    session = await service.create_session(**WHO, session_id="c", **more)
    for number in range(3):
        await service.append_event(session, event(f"e{number}", last=number))
    return session


async def creation(service: BaseSessionService) -> Any:
    state = {"a": 1, "user:b": 2, "app:c": 3, "temp:d": 4}
    made = await service.create_session(**WHO, session_id=" c ", state=state)
    return made.id, made.state, made.events


async def events(service: BaseSessionService) -> Any:
    session = await told_three(service)
    found = await service.get_session(**WHO, session_id="c")
    assert found is not None
    return texts(found), found.state, session.state, texts(session)


async def a_few_of_the_events(service: BaseSessionService) -> Any:
    session = await told_three(service)
    configs = [
        GetSessionConfig(num_recent_events=0),
        GetSessionConfig(num_recent_events=2),
        GetSessionConfig(after_timestamp=session.events[1].timestamp),
        GetSessionConfig(num_recent_events=1, after_timestamp=0.5),
    ]
    return [
        texts(await service.get_session(**WHO, session_id="c", config=config))
        for config in configs
    ]


async def scopes(service: BaseSessionService) -> Any:
    session = await service.create_session(**WHO, session_id="c")
    delta = {"a": 1, "user:b": 2, "app:c": 3, "temp:d": 4}
    await service.append_event(session, event("x", **delta))
    other = await service.create_session(**WHO, session_id="other")
    bobs = await service.create_session(app_name="shop", user_id="bob", session_id="c")
    fresh = await service.get_session(**WHO, session_id="c")
    assert fresh is not None
    stored = fresh.events[0].actions.state_delta
    return session.state, fresh.state, other.state, bobs.state, stored


async def listing(service: BaseSessionService) -> Any:
    for user, name in (("ann", "a1"), ("bob", "b1"), ("ann", "a2")):
        await service.create_session(app_name="shop", user_id=user, session_id=name)
    await service.create_session(app_name="shop2", user_id="ann", session_id="z")
    anns = await service.list_sessions(**WHO)
    everybody = await service.list_sessions(app_name="shop")
    nobody = await service.list_sessions(app_name="none")
    return [
        sorted(each.id for each in found.sessions)
        for found in (anns, everybody, nobody)
    ]


async def deletion(service: BaseSessionService) -> Any:
    session = await told_three(service)
    await service.delete_session(**WHO, session_id="c")
    await service.delete_session(**WHO, session_id="c")
    with pytest.raises(SessionNotFoundError):
        await service.append_event(session, event("late"))
    return await service.get_session(**WHO, session_id="c")


async def a_name_that_is_taken(service: BaseSessionService) -> Any:
    await service.create_session(**WHO, session_id="c")
    with pytest.raises(AlreadyExistsError):
        await service.create_session(**WHO, session_id="c")


async def a_partial_event(service: BaseSessionService) -> Any:
    session = await service.create_session(**WHO, session_id="c")
    part = event("half")
    part.partial = True
    await service.append_event(session, part)
    return texts(await service.get_session(**WHO, session_id="c"))


async def an_event_delivered_again(service: BaseSessionService) -> Any:
    session = await service.create_session(**WHO, session_id="c")
    one = event("once", n=1)
    await service.append_event(session, one)
    await service.append_event(session, one.model_copy(deep=True))
    return texts(session), texts(await service.get_session(**WHO, session_id="c"))


async def a_users_state(service: BaseSessionService) -> Any:
    before = await service.get_user_state(**WHO)
    await service.create_session(**WHO, session_id="c", state={"user:b": 2})
    return before, await service.get_user_state(**WHO)


STORIES = (
    creation, events, a_few_of_the_events, scopes, listing, deletion,
    a_name_that_is_taken, a_partial_event, an_event_delivered_again, a_users_state,
)  # fmt: skip


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_it_does_as_the_kits_own_service(story: Any, runtime: Runtime) -> None:
    expected = asyncio.run(story(InMemorySessionService()))
    assert expected == asyncio.run(story(WeftSessionService(runtime)))


def test_events_at_the_same_time_are_all_kept_with_what_they_change(
    runtime: Runtime,
) -> None:
    service = WeftSessionService(runtime)

    async def talk() -> Session | None:
        copies = [await service.create_session(**WHO, session_id="c")]
        for _ in range(11):
            copy = await service.get_session(**WHO, session_id="c")
            assert copy is not None
            copies.append(copy)
        await asyncio.gather(
            *(
                service.append_event(copy, event(str(n), **{f"user:k{n}": n}))
                for n, copy in enumerate(copies)
            )
        )
        return await service.get_session(**WHO, session_id="c")

    found = asyncio.run(talk())
    assert found is not None
    assert set(map(str, range(12))) == set(texts(found))
    assert {f"user:k{n}": n for n in range(12)} == found.state


def test_a_conversation_is_a_thread_of_its_users_session(runtime: Runtime) -> None:
    service = WeftSessionService(runtime)
    who: dict[str, Any] = {"app_name": "a/b", "user_id": "x" * 200, "session_id": "c"}
    asyncio.run(service.create_session(**who))
    found = asyncio.run(service.list_sessions(app_name="a/b"))
    assert [who["user_id"]] == [each.user_id for each in found.sessions]
    (owner,) = [
        session
        for session in answer(runtime.coordinator.list_sessions())
        if session.user_id == who["user_id"]
    ]
    threads = answer(runtime.session(owner.session_id).threads())
    assert ["c"] == [thread.thread_name for thread in threads]


def test_it_survives_the_process(tmp_store: Path) -> None:
    with Runtime.open(tmp_store) as runtime:
        asyncio.run(told_three(WeftSessionService(runtime)))
    with Runtime.open(tmp_store) as runtime:
        service = WeftSessionService(runtime)
        found = asyncio.run(service.get_session(**WHO, session_id="c"))
    assert ["e0", "e1", "e2"] == texts(found)


class Parrot(BaseLlm):
    """Says how many turns it was shown."""

    model: str = "parrot"

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        del stream
        words = f"{len(llm_request.contents)} turns"
        content = types.Content(role="model", parts=[types.Part(text=words)])
        yield LlmResponse(content=content)


def test_an_agent_remembers_what_was_said_before(runtime: Runtime) -> None:
    service = WeftSessionService(runtime)
    agent = LlmAgent(name="parrot", model=Parrot(), output_key="said")
    runner = Runner(agent=agent, app_name="shop", session_service=service)

    async def talk() -> Session | None:
        await service.create_session(**WHO, session_id="c")
        for words in ("Hello", "And now?"):
            said = types.Content(role="user", parts=[types.Part(text=words)])
            async for _ in runner.run_async(
                user_id="ann", session_id="c", new_message=said
            ):
                pass
        return await service.get_session(**WHO, session_id="c")

    found = asyncio.run(talk())
    assert found is not None
    assert ["Hello", "1 turns", "And now?", "3 turns"] == texts(found)
    assert "3 turns" == found.state["said"]
