"""LangGraph's own Python client against a daemon: assistants and threads."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient
from langgraph_sdk.errors import (
    APIStatusError,
    ConflictError,
    NotFoundError,
    UnprocessableEntityError,
)

from tests.daemon.sdk.serving import TIMEOUT_S
from weft.actors import Runtime

Act = Callable[[LangGraphClient], Coroutine[Any, Any, Any]]


def on_a_loop(url: str, act: Act) -> Any:
    """Return what an asynchronous client comes to."""

    async def main() -> Any:
        async with get_client(url=url) as client, asyncio.timeout(TIMEOUT_S):
            return await act(client)

    return asyncio.run(main())


def test_assistants_are_the_registered_workflows(client: SyncLangGraphClient) -> None:
    names = [each["name"] for each in client.assistants.search()]
    assert ["add", "ask", "count", "nest", "talk"] == names
    assert 5 == client.assistants.count()
    page: Any = client.assistants.search(limit=3, response_format="object")
    assert (3, "3") == (len(page["assistants"]), page["next"])
    found = client.assistants.get("add")
    assert found == client.assistants.get(found["assistant_id"])
    (version,) = client.assistants.get_versions("add")
    assert 1 == version["version"]
    with pytest.raises(NotFoundError, match="no assistant 'none'"):
        client.assistants.get("none")


def test_a_graph_shows_its_nodes_and_schemas(client: SyncLangGraphClient) -> None:
    drawn = client.assistants.get_graph("add")
    assert {"__start__", "add", "double", "__end__"} == {
        node["id"] for node in drawn["nodes"]
    }
    deep = client.assistants.get_graph("nest", xray=True)
    assert len(deep["nodes"]) > len(client.assistants.get_graph("nest")["nodes"])
    schemas: Any = client.assistants.get_schemas("add")
    for name in ("input_schema", "output_schema", "state_schema"):
        assert {"n", "log"} == set(schemas[name]["properties"])
    within = client.assistants.get_subgraphs("nest", recurse=True)
    assert ["inner"] == list(within)
    assert within == client.assistants.get_subgraphs("nest", namespace="inner")


def test_a_workflows_own_assistant_is_not_changed(client: SyncLangGraphClient) -> None:
    for ask in (
        lambda: client.assistants.update("add", name="mine"),
        lambda: client.assistants.set_latest("add", 1),
        lambda: client.assistants.delete("add"),
    ):
        with pytest.raises(ConflictError, match="registered workflow 'add'"):
            ask()
    made = client.assistants.create("add", name="mine")
    assert "mine" == made["name"]
    assert 6 == client.assistants.count()


def test_threads_come_change_and_go(client: SyncLangGraphClient) -> None:
    threads = client.threads
    made = threads.create(
        thread_id="any string / at all",
        metadata={"session_id": "alice", "topic": "x"},
        graph_id="add",
        ttl=60,
    )
    assert {"session_id": "alice", "topic": "x", "graph_id": "add"} == made["metadata"]
    again = threads.create(thread_id=made["thread_id"], if_exists="do_nothing")
    assert made == again
    with pytest.raises(ConflictError, match="exists already"):
        threads.create(thread_id=made["thread_id"], if_exists="raise")
    kept: Any = threads.get(made["thread_id"], include=["ttl"])
    assert 60.0 == kept["ttl"]["ttl_minutes"]
    changed = threads.update(made["thread_id"], metadata={"topic": "y"}, ttl=5)
    assert "y" == (changed["metadata"] or {})["topic"]
    quiet = threads.update(made["thread_id"], metadata={}, return_minimal=True)
    assert quiet is None
    with pytest.raises(UnprocessableEntityError, match="/transfer"):
        threads.update(made["thread_id"], metadata={"session_id": "bob"})
    assert 1 == threads.count(metadata={"topic": "y"}, status="idle")
    threads.delete(made["thread_id"])
    with pytest.raises(NotFoundError):
        threads.get(made["thread_id"])


def test_threads_are_searched(client: SyncLangGraphClient) -> None:
    ids = [client.threads.create(metadata={"n": n})["thread_id"] for n in range(5)]
    found = client.threads.search(limit=3, offset=1, sort_by="created_at")
    assert ids[3:0:-1] == [thread["thread_id"] for thread in found]
    chosen: Any = client.threads.search(
        metadata={"n": 2}, select=["thread_id"], extract={"n": "metadata.n"}
    )
    assert [{"thread_id": ids[2], "extracted": {"n": 2}}] == chosen


@pytest.mark.parametrize("graph_id", ["add", "count"])
def test_a_state_is_read_changed_and_gone_back_to(
    client: SyncLangGraphClient, runtime: Runtime, graph_id: str
) -> None:
    thread_id = client.threads.create(graph_id=graph_id)["thread_id"]
    given = {"input": {"n": 1, "log": []}} if graph_id == "add" else {"by": 3}
    runtime.thread(thread_id).run(given).get(timeout=TIMEOUT_S)
    last = client.threads.get_state(thread_id)
    states = client.threads.get_history(thread_id)
    assert [last["checkpoint"]] == [s["checkpoint"] for s in states[:1]]
    assert [s["parent_checkpoint"] for s in states[:-1]] == [
        s["checkpoint"] for s in states[1:]
    ]
    older = states[1]
    at = older["checkpoint"]
    for found in (
        client.threads.get_state(thread_id, checkpoint=at),
        client.threads.get_state(thread_id, checkpoint_id=at["checkpoint_id"]),
    ):
        assert older["values"] == found["values"]
    n = older["values"]["n"]  # type: ignore[call-overload]
    node = "double" if graph_id == "add" else None
    made = client.threads.update_state(
        thread_id, {"n": n + 40}, as_node=node, checkpoint=at
    )
    last = client.threads.get_state(thread_id, select=["values.n", "checkpoint"])
    assert ({"n": n + 40}, made["checkpoint"]) == (last["values"], last["checkpoint"])
    thread = client.threads.get(thread_id)
    assert n + 40 == (thread["values"] or {})["n"]


def test_a_graph_says_what_is_next_and_what_it_waits_for(
    client: SyncLangGraphClient, runtime: Runtime
) -> None:
    thread_id = client.threads.create(graph_id="ask")["thread_id"]
    run = (
        runtime.thread(thread_id).start_run({"input": {"n": 1}}).get(timeout=TIMEOUT_S)
    )
    with pytest.raises(Exception, match="waits"):
        runtime.coordinator.join_run(run.run_id).get(timeout=TIMEOUT_S)
    state = client.threads.get_state(thread_id)
    (task,) = state["tasks"]
    assert (["ask"], "ask") == (state["next"], task["name"])
    (asked,) = task["interrupts"]
    assert {"about": 2} == asked["value"]
    thread = client.threads.get(thread_id)
    assert ("interrupted", {task["id"]: [asked]}) == (
        thread["status"],
        thread["interrupts"],
    )
    client.threads.update_state(thread_id, {"log": ["by hand"]}, as_node="ask")
    state = client.threads.get_state(thread_id)
    assert ([], ["add", "by hand"]) == (state["next"], state["values"]["log"])  # type: ignore[call-overload]


def test_an_update_that_does_not_fit_the_graph_is_refused(
    client: SyncLangGraphClient,
) -> None:
    thread_id = client.threads.create(graph_id="add")["thread_id"]
    for values, node in (({"n": 1}, "nobody"), ([5], "add")):
        with pytest.raises(APIStatusError, match="takes no such update") as caught:
            client.threads.update_state(thread_id, values, as_node=node)  # type: ignore[arg-type]
        assert 422 == caught.value.status_code
    assert [] == client.threads.get_history(thread_id)


def test_a_repeated_update_of_a_graph_is_made_once(
    client: SyncLangGraphClient,
) -> None:
    thread_id = client.threads.create(graph_id="add")["thread_id"]
    once = {"Idempotency-Key": "once"}
    first, again = (
        client.threads.update_state(
            thread_id, {"n": 1, "log": []}, as_node="add", headers=once
        )
        for _ in range(2)
    )
    assert first == again
    assert 1 == len(client.threads.get_history(thread_id))


def test_supersteps_of_a_graph_are_its_first_checkpoints(
    client: SyncLangGraphClient, runtime: Runtime
) -> None:
    before = runtime.store.statistics().seq
    made = client.threads.create(
        graph_id="add",
        supersteps=[
            {"updates": [{"values": {"n": 1, "log": ["in"]}, "as_node": "__input__"}]},
            {"updates": [{"values": {"n": 1, "log": []}, "as_node": "__start__"}]},
            {"updates": [{"values": {"n": 5, "log": ["a"]}, "as_node": "add"}]},
        ],
    )
    assert before + 1 == runtime.store.statistics().seq
    assert 5 == (made["values"] or {})["n"]
    state = client.threads.get_state(made["thread_id"])
    assert ["double"] == state["next"]
    assert 3 == len(client.threads.get_history(made["thread_id"]))


def test_a_thread_whose_supersteps_do_not_fit_is_not_created(
    client: SyncLangGraphClient,
) -> None:
    steps: Any = [{"updates": [{"values": {"n": 1}, "as_node": "nobody"}]}]
    with pytest.raises(APIStatusError, match="takes no such update"):
        client.threads.create(thread_id="t", graph_id="add", supersteps=steps)
    with pytest.raises(NotFoundError):
        client.threads.get("t")


def test_a_copy_of_a_graphs_thread_has_its_checkpoints(
    client: SyncLangGraphClient, runtime: Runtime
) -> None:
    thread_id = client.threads.create(graph_id="add")["thread_id"]
    runtime.thread(thread_id).run({"input": {"n": 1, "log": []}}).get(timeout=TIMEOUT_S)
    threads: Any = client.threads  # its types say that a copy is not told
    copy = threads.copy(thread_id)
    client.threads.delete(thread_id)
    assert {"n": 4, "log": ["add", "double"]} == copy["values"]
    states = client.threads.get_history(copy["thread_id"])
    assert 4 == len(states)
    assert {copy["thread_id"]} == {s["checkpoint"]["thread_id"] for s in states}
    pruned: Any = client.threads.prune([copy["thread_id"]], strategy="keep_latest")
    assert {"pruned_count": 1} == pruned
    (state,) = client.threads.get_history(copy["thread_id"])
    assert copy["values"] == state["values"]


def test_the_bytes_of_each_channel_are_told(
    client: SyncLangGraphClient, runtime: Runtime
) -> None:
    thread_id = client.threads.create(graph_id="add")["thread_id"]
    runtime.thread(thread_id).run({"input": {"n": 1, "log": []}}).get(timeout=TIMEOUT_S)
    told: Any = client.http.get(f"/threads/{thread_id}/storage")
    channels = told["channels"]
    assert {"n", "log"} <= set(channels)
    parts = sum(channels.values()) + sum(
        told[name] for name in ("checkpoints", "writes", "states")
    )
    assert parts == told["size_bytes"]
    assert min(told["checkpoints"], told["states"], channels["log"]) > 0


def test_the_asynchronous_client_does_the_same(url: str) -> None:
    async def act(client: LangGraphClient) -> Any:
        names = [each["name"] for each in await client.assistants.search()]
        made = await asyncio.gather(
            *(
                client.threads.create(
                    thread_id=f"t{n}", graph_id="add", metadata={"session_id": "s"}
                )
                for n in range(10)
            )
        )
        await asyncio.gather(
            *(
                client.threads.update_state(
                    thread["thread_id"], {"n": n, "log": []}, as_node="add"
                )
                for n, thread in enumerate(made)
            )
        )
        found = await client.threads.search(values={"n": 7})
        history = await client.threads.get_history("t3", limit=1)
        await client.threads.update("t3", metadata={"x": 1})
        threads: Any = client.threads
        copy = await threads.copy("t3")
        await client.threads.delete("t3")
        return names, found, history, copy, await client.threads.count()

    names, found, history, copy, number = on_a_loop(url, act)
    assert ["add", "ask", "count", "nest", "talk"] == names
    assert ["t7"] == [thread["thread_id"] for thread in found]
    assert [["double"]] == [state["next"] for state in history]
    assert (3, 1) == (copy["values"]["n"], copy["metadata"]["x"])
    assert 10 == number
