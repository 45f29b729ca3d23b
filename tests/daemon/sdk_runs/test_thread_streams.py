"""The SDK's streams of threads: the third version of the protocol, both transports."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client

from tests.daemon.http.run_support import Client
from tests.daemon.sdk_runs.talking import SAID

TIMEOUT_S = 10.0

Transport = Literal["sse", "websocket"]

INPUT = {"log": ["in"]}


@pytest.fixture(params=["sse", "websocket"])
def transport(request: pytest.FixtureRequest) -> Transport:
    """How events come."""
    found: Transport = request.param
    return found


class Streams:
    """Streams of one server's threads.

    Args:
        server: whose.
        transport: how events come.
    """

    def __init__(self, server: Client, transport: Transport) -> None:
        self.url = str(server.base_url)
        self.transport: Transport = transport

    def run(
        self,
        act: Callable[[Any], Awaitable[Any]],
        assistant_id: str,
        thread_id: str | None = None,
    ) -> Any:
        """Return what somebody does with the stream of a thread."""

        async def all_of_it() -> Any:
            async with (
                get_client(url=self.url) as client,
                client.threads.stream(
                    thread_id, assistant_id=assistant_id, transport=self.transport
                ) as stream,
                asyncio.timeout(TIMEOUT_S),
            ):
                return await act(stream)

        return asyncio.run(all_of_it())


@pytest.fixture
def streams(server: Client, transport: Transport) -> Streams:
    """Return the streams of a server's threads."""
    return Streams(server, transport)


def test_a_run_is_started_and_its_end_awaited(streams: Streams) -> None:
    async def act(stream: Any) -> Any:
        await stream.run.start(input=INPUT)
        return await stream.output

    assert {"log": ["in", "a", "b", "c"]} == streams.run(act, "three")


def test_values_come_after_each_step(streams: Streams) -> None:
    async def act(stream: Any) -> Any:
        await stream.run.start(input=INPUT)
        return [len(values["log"]) async for values in stream.values]

    found = streams.run(act, "three")
    # The client begins with the state as it is then, perhaps before the input.
    assert [1, 2, 3, 4] == sorted(set(found) - {0})


def test_messages_come_word_by_word(streams: Streams) -> None:
    async def act(stream: Any) -> Any:
        said = {"messages": [{"role": "user", "content": "Hi"}]}
        await stream.run.start(input=said)
        messages = [each async for each in stream.messages]
        return [[word async for word in each.text] for each in messages]

    (words,) = streams.run(act, "talking")
    assert SAID == "".join(words)
    assert len(words) > 1


def test_an_interrupt_is_answered_and_the_graph_goes_on(streams: Streams) -> None:
    async def act(stream: Any) -> Any:
        await stream.run.start(input=INPUT)
        async for _ in stream.values:
            pass
        (waiting,) = stream.interrupts
        await stream.run.respond("answer")
        return waiting["value"], await stream.output

    value, output = streams.run(act, "asking")
    assert {"after": "a"} == value
    assert ["in", "a", "answer", "z"] == output["log"]


def test_graphs_within_are_found(streams: Streams) -> None:
    async def act(stream: Any) -> Any:
        await stream.run.start(input=INPUT)
        inner = await anext(aiter(stream.subgraphs))
        return inner.graph_name, inner.path

    name, path = streams.run(act, "nested")
    assert ("inner", True) == (name, path[0].startswith("inner:"))


def test_the_graph_of_the_assistant_is_drawn(streams: Streams) -> None:
    drawn = streams.run(lambda stream: stream.agent.get_tree(), "three")
    assert {"a", "b", "c"} < {node["id"] for node in drawn["nodes"]}


def test_a_failure_is_told(streams: Streams) -> None:
    async def act(stream: Any) -> Any:
        await stream.run.start(input={})
        return await stream.output

    with pytest.raises(RuntimeError, match="no further"):
        streams.run(act, "fail")


def test_a_function_is_told_too(streams: Streams) -> None:
    async def act(stream: Any) -> Any:
        await stream.run.start(input={"by": 2})
        return await stream.output

    assert {"n": 2, "kind": "count"} == streams.run(act, "count")


def test_who_comes_later_finds_what_has_become(streams: Streams) -> None:
    async def begin(stream: Any) -> str:
        await stream.run.start(input=INPUT)
        await stream.output
        thread_id: str = stream.thread_id
        return thread_id

    async def read(stream: Any) -> Any:
        return await stream.output

    thread_id = streams.run(begin, "three")
    assert ["in", "a", "b", "c"] == streams.run(read, "three", thread_id)["log"]


def test_a_refusal_is_told_with_its_code(streams: Streams) -> None:
    async def act(stream: Any) -> Any:
        await stream.run.start(input=INPUT)

    with pytest.raises(RuntimeError, match=r"invalid_argument.*'nobody'"):
        streams.run(act, "nobody")


def test_a_thread_that_is_not_there_is_none(server: Client) -> None:
    async def act(stream: Any) -> Any:
        return await stream.output

    with pytest.raises(httpx.HTTPStatusError, match="nowhere"):
        Streams(server, "sse").run(act, "three", "nowhere")


def test_the_plain_client_does_the_same(server: Client, transport: Transport) -> None:
    with (
        get_sync_client(url=str(server.base_url)) as client,
        client.threads.stream(assistant_id="three", transport=transport) as stream,
    ):
        stream.run.start(input=INPUT)
        assert ["in", "a", "b", "c"] == stream.output["log"]
