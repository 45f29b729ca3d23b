"""The LangGraph SDK drives runs, plain and asynchronous."""

import asyncio
import inspect
from functools import partial
from itertools import islice, pairwise
from typing import Any

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.errors import ConflictError, NotFoundError

from tests.daemon.http.run_support import Client
from tests.daemon.sdk_runs.conftest import Sdk


def events_of(parts: list[Any]) -> list[str]:
    return [part.event for part in parts]


def join_stream(thread_id: str, run_id: str, client: Any, **how: Any) -> Any:
    return client.runs.join_stream(thread_id, run_id, **how)


def ended(sdk: Sdk, thread_id: str, run_id: str) -> Any:
    """Return a run once it has ended."""
    sdk.do(lambda c: c.runs.join(thread_id, run_id))
    return sdk.do(lambda c: c.runs.get(thread_id, run_id))


def data_of(parts: list[Any], event: str) -> list[Any]:
    return [part.data for part in parts if part.event == event]


def test_a_run_is_created_joined_and_looked_at(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    made = sdk.do(lambda c: c.runs.create(thread_id, "count", metadata={"a": 1}))
    run_id = made["run_id"]
    assert 3 == sdk.do(lambda c: c.runs.join(thread_id, run_id))["n"]
    run = sdk.do(lambda c: c.runs.get(thread_id, run_id))
    assert ("success", {"a": 1}) == (run["status"], run["metadata"])
    listed = sdk.do(lambda c: c.runs.list(thread_id, select=["run_id"]))
    assert [{"run_id": run_id}] == listed
    assert None is sdk.do(lambda c: c.runs.delete(thread_id, run_id))
    with pytest.raises(NotFoundError):
        sdk.do(lambda c: c.runs.get(thread_id, run_id))


def test_a_run_is_waited_for(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    values = sdk.do(lambda c: c.runs.wait(thread_id, "count", input={"by": 2}))
    assert {"n": 2, "kind": "count"} == values
    with pytest.raises(Exception, match="ValueError: no further"):
        sdk.do(lambda c: c.runs.wait(thread_id, "fail"))


def test_a_run_is_streamed(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    created: list[Any] = []
    parts = sdk.do(
        lambda c: c.runs.stream(
            thread_id,
            "count",
            stream_mode=["values", "updates", "custom", "messages-tuple"],
            on_run_created=created.append,
        )
    )
    assert [1, 2, 3] == [values["n"] for values in data_of(parts, "values")]
    assert 3 == len(data_of(parts, "updates"))
    assert [{"about": 1}, {"about": 2}, {"about": 3}] == data_of(parts, "custom")
    assert [{"text": f"piece {n}"} for n in (1, 2, 3)] == data_of(parts, "messages")
    assert ("metadata", "end") == (parts[0].event, parts[-1].event)
    assert parts[0].data["run_id"] == created[0]["run_id"]
    assert thread_id == created[0]["thread_id"]


def test_the_second_version_of_the_stream_parts_is_read(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    parts = sdk.do(lambda c: c.runs.stream(thread_id, "count", version="v2"))
    assert ["metadata", "values", "values", "values"] == [p["type"] for p in parts]


def test_runs_without_a_thread_of_their_own(sdk: Sdk) -> None:
    assert 3 == sdk.do(lambda c: c.runs.wait(None, "count"))["n"]
    parts = sdk.do(lambda c: c.runs.stream(None, "count"))
    assert "end" == parts[-1].event
    made = sdk.do(lambda c: c.runs.create(None, "count"))
    assert 3 == sdk.do(lambda c: c.runs.join(made["thread_id"], made["run_id"]))["n"]
    payloads = [{"assistant_id": "count"}] * 3
    batch = sdk.do(lambda c: c.runs.create_batch(payloads))
    assert 3 == len({run["thread_id"] for run in batch})


def test_a_run_is_joined_and_resumed(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    parts = sdk.do(lambda c: c.runs.stream(thread_id, "count"))
    run_id = parts[0].data["run_id"]
    for number, part in enumerate(parts):
        resume = partial(join_stream, thread_id, run_id, last_event_id=part.id)
        assert parts[number + 1 :] == sdk.do(resume)
    only = sdk.do(
        lambda c: c.runs.join_stream(
            thread_id, run_id, stream_mode=["updates"], last_event_id=parts[0].id
        )
    )
    assert ["updates"] * 3 + ["end"] == events_of(only)


def test_a_run_is_cancelled(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    run_id = sdk.do(lambda c: c.runs.create(thread_id, "linger"))["run_id"]
    sdk.do(lambda c: c.runs.cancel(thread_id, run_id, wait=True))
    run = sdk.do(lambda c: c.runs.get(thread_id, run_id))
    assert "interrupted" == run["status"]
    again = sdk.do(lambda c: c.runs.create(thread_id, "linger"))["run_id"]
    sdk.do(lambda c: c.runs.cancel(thread_id, again, wait=True, action="rollback"))
    with pytest.raises(NotFoundError):
        sdk.do(lambda c: c.runs.get(thread_id, again))
    many = [sdk.do(lambda c: c.runs.create(thread_id, "linger")) for _ in range(2)]
    ids = [run["run_id"] for run in many]
    sdk.do(lambda c: c.runs.cancel_many(thread_id=thread_id, run_ids=ids))
    for run_id in ids:
        assert "interrupted" == ended(sdk, thread_id, run_id)["status"]


@pytest.mark.parametrize("strategy", ["reject", "enqueue", "interrupt", "rollback"])
def test_each_strategy_for_several_runs_on_a_thread(sdk: Sdk, strategy: Any) -> None:
    thread_id = sdk.thread()
    sdk.do(lambda c: c.runs.wait(thread_id, "count", input={"by": 1}))
    first = sdk.do(lambda c: c.runs.create(thread_id, "linger"))["run_id"]

    def start(client: Any) -> Any:
        return client.runs.create(
            thread_id, "count", input={"by": 1}, multitask_strategy=strategy
        )

    if strategy == "reject":
        with pytest.raises(ConflictError, match=first):
            sdk.do(start)
    else:
        second = sdk.do(start)
        assert strategy == second["multitask_strategy"]
    if strategy in {"reject", "enqueue"}:
        sdk.do(lambda c: c.runs.cancel(thread_id, first))
    sdk.do(lambda c: c.runs.join(thread_id, first))
    run = sdk.do(lambda c: c.runs.get(thread_id, first))
    assert "interrupted" == run["status"]
    if strategy != "reject":
        sdk.do(lambda c: c.runs.join(thread_id, second["run_id"]))
    kinds = ["kind" in state for state in sdk.server.states_of(thread_id)]
    expected = {"reject": True in kinds, "rollback": kinds == [True, True]}
    assert expected.get(strategy, kinds[-1])


def test_all_runs_of_a_thread_are_joined(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    sdk.do(lambda c: c.runs.wait(thread_id, "count", input={"by": 1}))

    async def take(stream: Any) -> list[Any]:
        parts: list[Any] = []
        async for part in await stream:
            parts.append(part)
            if len(parts) == 3:
                break
        return parts

    def take_plain(stream: Any) -> list[Any]:
        parts = list(islice(stream, 3))
        stream.close()
        return parts

    def join(client: Any) -> Any:
        stream = client.threads.join_stream(thread_id, last_event_id="-1")
        return take(stream) if inspect.isawaitable(stream) else take_plain(stream)

    parts = sdk.do(join)
    assert ["metadata", "values", "metadata"] == events_of(parts)
    assert "run_done" == parts[-1].data["status"]


# -- graphs --------------------------------------------------------------------------


def test_a_graph_is_streamed_in_all_modes(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    modes = ["values", "updates", "tasks", "checkpoints", "debug"]
    parts = sdk.do(
        lambda c: c.runs.stream(
            thread_id, "three", input={"log": ["in"]}, stream_mode=modes
        )
    )
    assert {"metadata", *modes, "end"} == set(events_of(parts))
    assert {"log": ["in", "a", "b", "c"]} == data_of(parts, "values")[-1]
    expected = [{name: {"log": [name]}} for name in "abc"]
    assert expected == data_of(parts, "updates")
    assert "gap" not in events_of(parts)


def test_a_models_words_are_streamed_in_pieces(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    said = {"messages": [{"role": "user", "content": "Hi"}]}
    parts = sdk.do(
        lambda c: c.runs.stream(
            thread_id,
            "talking",
            input=said,
            stream_mode=["messages-tuple", "custom", "values"],
        )
    )
    pieces = [piece["content"] for piece, _ in data_of(parts, "messages")]
    assert "Hello to you." == "".join(pieces)
    assert len(pieces) > 1
    assert [{"about": "to talk"}] == data_of(parts, "custom")
    assert "Hello to you." == data_of(parts, "values")[-1]["messages"][-1]["content"]


def test_a_message_is_streamed_as_it_grows(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    said = {"messages": [{"role": "user", "content": "Hi"}]}
    parts = sdk.do(
        lambda c: c.runs.stream(
            thread_id, "talking", input=said, stream_mode="messages"
        )
    )
    grown = [data[0]["content"] for data in data_of(parts, "messages/partial")]
    assert "Hello to you." == grown[-1]
    assert all(next_.startswith(one) for one, next_ in pairwise(grown))
    assert data_of(parts, "messages/metadata")


def test_graphs_within_a_graph_are_streamed(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    parts = sdk.do(
        lambda c: c.runs.stream(
            thread_id,
            "nested",
            input={"log": ["in"]},
            stream_mode=["updates"],
            stream_subgraphs=True,
        )
    )
    assert any(event.startswith("updates|inner:") for event in events_of(parts))


def test_a_graph_that_asks_is_answered(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    values = sdk.do(lambda c: c.runs.wait(thread_id, "asking", input={"log": ["in"]}))
    assert {"after": "a"} == values["__interrupt__"][0]["value"]
    assert "interrupted" == sdk.do(lambda c: c.threads.get(thread_id))["status"]
    assert "success" == sdk.do(lambda c: c.runs.list(thread_id))[0]["status"]
    answer = {"resume": "yes"}
    values = sdk.do(lambda c: c.runs.wait(thread_id, "asking", command=answer))
    assert ["in", "a", "yes", "z"] == values["log"]


def test_a_graph_stops_before_a_node_and_goes_on(sdk: Sdk) -> None:
    thread_id, log = sdk.thread(), {"log": ["in"]}
    values = sdk.do(
        lambda c: c.runs.wait(thread_id, "three", input=log, interrupt_before=["b"])
    )
    assert ["in", "a"] == values["log"]
    values = sdk.do(lambda c: c.runs.wait(thread_id, "three"))
    assert ["in", "a", "b", "c"] == values["log"]


# -- at once -------------------------------------------------------------------------


def test_three_runs_at_once_on_one_thread_give_three(server: Client) -> None:
    async def run_three() -> list[Any]:
        async with get_client(url=str(server.base_url)) as client:
            thread = await client.threads.create()
            waits = (
                client.runs.wait(thread["thread_id"], "count", input={"by": 1})
                for _ in range(3)
            )
            return list(await asyncio.gather(*waits))

    results = asyncio.run(run_three())
    assert [1, 2, 3] == sorted(result["n"] for result in results)
