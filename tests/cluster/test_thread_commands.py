"""Commands to a thread before a cluster, and LangGraph's client with its own words."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from langgraph_sdk import get_client

from tests.cluster.served import HERE, THERE, WAIT_S, Served, served_on, until
from tests.daemon.http.event_support import EVENTS, shown, started, told, wanted
from tests.daemon.http.listening import Heard
from tests.integrations import graphs
from weft.integrations.langgraph_workflow import graph_workflow


@pytest.fixture
def served(address: str) -> Iterator[Served]:
    asking = graph_workflow(graphs.asking().compile(), name="asking")
    with served_on(address, (HERE, THERE), asking=asking) as made:
        yield made


def logs(events: list[Heard]) -> list[list[str]]:
    """Return the values that were told."""
    return [shown(event)[1]["log"] for event in events if event.event == "values"]


def test_a_graph_asks_moves_and_goes_on_with_the_answer(served: Served) -> None:
    client = served.client
    early = told(client, "input.respond", interrupt_id="i", response=1)
    assert ("error", "no_such_interrupt") == (early["type"], early["error"])
    with client.events("POST", EVENTS, **wanted("lifecycle", "values", "input")) as at:
        started(client, "asking", input={"log": ["in"]})
        asked = until(at, ("lifecycle", "interrupted"))
        (waiting,) = (event for event in asked if event.event == "input.requested")
        served.move(THERE)
        answer = {"interrupt_id": shown(waiting)[1]["interrupt_id"], "response": "yes"}
        respond = told(client, "input.respond", **answer)
        assert "success" == respond["type"], respond
        assert asked[-1].data["seq"] == respond["meta"]["applied_through_seq"]
        went_on = until(at, ("lifecycle", "completed"))
    tree = told(client, "agent.getTree")["result"]["tree"]
    assert ("completed", "asking") == (tree["status"], tree["graph_name"])
    began_with = ["in", "a"]
    assert [["in"], began_with] == logs(asked)[:2]
    first, *_, last = logs(went_on)
    assert (began_with, [*began_with, "yes", "z"]) == (first, last)
    # Whoever comes later, or again, is told the same: what a run began with as well.
    with client.events("POST", EVENTS, **wanted("lifecycle", "values", "input")) as at:
        assert asked + went_on == at.take(len(asked) + len(went_on))
    begun = went_on[0].data["seq"]
    with client.events("POST", EVENTS, **wanted("values", since=begun)) as at:
        assert began_with == logs(at.take(1))[0]


def test_langgraphs_client_streams_a_thread_and_answers_it(served: Served) -> None:
    async def talk(transport: Any) -> Any:
        async with (
            get_client(url=served.url) as client,
            client.threads.stream(assistant_id="asking", transport=transport) as stream,
            asyncio.timeout(WAIT_S),
        ):
            await stream.run.start(input={"log": ["in"]})
            async for _ in stream.values:
                pass
            await stream.run.respond("answer")
            return await stream.output

    for transport in ("sse", "websocket"):
        output = asyncio.run(talk(transport))
        assert ["in", "a", "answer", "z"] == output["log"]
