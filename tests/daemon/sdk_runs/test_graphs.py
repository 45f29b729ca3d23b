"""What clients of the LangGraph SDK find out about the graphs that they run."""

from functools import partial
from typing import Any

import pytest
from httpx import HTTPStatusError
from langgraph_sdk.errors import NotFoundError

from tests.daemon.http.asking import client_of, detail_of
from tests.daemon.sdk_runs.conftest import Sdk
from tests.integrations import graphs
from weft.actors import Runtime
from weft.integrations.langgraph_workflow import graph_workflow
from weft.storage import MemoryStore

LOG = {"log": ["in"]}
NOWHERE = "1f1e72a4-8139-60ae-8000-5e43dfec4d95"


def wait(sdk: Sdk, thread_id: str, name: str, **given: Any) -> Any:
    """Return the last values of a run."""
    return sdk.do(lambda c: c.runs.wait(thread_id, name, **given))


def state_of(thread_id: str, client: Any) -> Any:
    return client.threads.get_state(thread_id)


def found(sdk: Sdk, **metadata: Any) -> set[str]:
    """Return the threads that have these metadata."""
    threads = sdk.do(lambda c: c.threads.search(metadata=metadata, limit=1000))
    return {thread["thread_id"] for thread in threads}


def test_a_thread_is_found_by_the_graph_that_was_run_on_it_last(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    (graph,) = sdk.do(lambda c: c.assistants.search(graph_id="asking"))
    assert thread_id not in found(sdk, graph_id="asking")
    wait(sdk, thread_id, "asking", input=LOG)
    assert thread_id in found(sdk, graph_id="asking")
    assert thread_id in found(sdk, assistant_id=graph["assistant_id"])
    wait(sdk, thread_id, "three", input=LOG)
    assert thread_id not in found(sdk, graph_id="asking")


def test_a_question_that_is_dismissed_leaves_the_list_of_what_waits(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    wait(sdk, thread_id, "asking", input=LOG)

    def waiting() -> set[str]:
        threads = sdk.do(lambda c: c.threads.search(status="interrupted", limit=1000))
        return {thread["thread_id"] for thread in threads}

    assert thread_id in waiting()
    sdk.do(lambda c: c.threads.update_state(thread_id, None, as_node="__end__"))
    assert thread_id not in waiting()
    assert "idle" == sdk.do(lambda c: c.threads.get(thread_id))["status"]


def test_who_waits_for_a_run_is_told_all_that_it_asks(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    asked = wait(sdk, thread_id, "both", input=LOG)["__interrupt__"]
    assert ["first?", "second?"] == [each["value"] for each in asked]
    answer = {"resume": {asked[0]["id"]: "1"}}
    values = wait(sdk, thread_id, "both", command=answer)
    assert asked[1:] == values["__interrupt__"]


def test_a_command_sends_a_node_an_input_of_its_own(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    wait(sdk, thread_id, "counting", input=LOG)
    command = {"goto": [{"node": "add", "input": {"n": 41}}], "update": [["n", 100]]}
    assert 143 == wait(sdk, thread_id, "counting", command=command)["n"]


@pytest.mark.parametrize(
    "given",
    [{"context": {"tone": "dry"}}, {"config": {"configurable": {"tone": "dry"}}}],
)
def test_a_node_finds_what_is_configured_under_both_names(sdk: Sdk, given: Any) -> None:
    thread_id = sdk.thread()
    given = {"config": {}, **given}
    given["config"] = {**given["config"], "metadata": {"team": "x"}}
    values = wait(sdk, thread_id, "configured", input={}, **given)
    assert ["dry", 1] == values["manner"]
    assert {"tone", "assistant_id", "graph_id"} == set(values["chosen"])
    assert {"team": "x"} == values["about"]


def test_nothing_begins_at_a_checkpoint_that_is_not_there(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    before = wait(sdk, thread_id, "three", input=LOG)
    with pytest.raises(HTTPStatusError, match="404 Not Found"):
        wait(sdk, thread_id, "three", input=LOG, checkpoint_id=NOWHERE)
    with pytest.raises(NotFoundError, match="no checkpoint"):
        sdk.do(lambda c: c.threads.update_state(thread_id, LOG, checkpoint_id=NOWHERE))
    assert before == sdk.do(lambda c: c.threads.get_state(thread_id))["values"]


def test_a_wrong_command_is_refused_with_its_path(sdk: Sdk) -> None:
    path = f"/threads/{sdk.thread()}/runs"
    for name, given in (("goto", 5), ("goto", [{"input": 1}]), ("update", [["n"]])):
        body = {"assistant_id": "three", "command": {name: given}}
        answer = sdk.server.post(path, json=body)
        assert 422 == answer.status_code
        assert f"$.command.{name}" in answer.json()["detail"]


def test_a_copy_and_a_thread_without_runs_remain_the_graphs(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    wait(sdk, thread_id, "asking", input=LOG)
    run_id = sdk.do(lambda c: c.runs.list(thread_id))[0]["run_id"]
    sdk.do(lambda c: c.runs.delete(thread_id, run_id))
    copy_id = sdk.do(lambda c: c.threads.copy(thread_id))["thread_id"]
    for each in (thread_id, copy_id):
        state = sdk.do(partial(state_of, each))
        assert ["ask"] == state["next"]
        assert [{"after": "a"}] == [asked["value"] for asked in state["interrupts"]]
        answer = wait(sdk, each, "asking", command={"resume": "yes"})
        assert ["in", "a", "yes", "z"] == answer["log"]


def test_a_state_by_hand_that_no_graph_would_see_is_refused() -> None:
    workflows = {"three": graph_workflow(graphs.three().compile())}
    named, steps = {"graph_id": "three"}, [{"updates": [{"values": LOG}]}]
    with (
        Runtime.open(store=MemoryStore(), workflows=workflows) as runtime,
        client_of(runtime) as client,
    ):
        client.post("/threads", json={"thread_id": "t"})
        for path, body in (
            ("/threads/t/state", {"values": LOG}),
            ("/threads", {"supersteps": steps}),
        ):
            assert "metadata.graph_id" in detail_of(client.post(path, json=body), 422)
        client.patch("/threads/t", json={"metadata": named})
        changed = {"values": LOG, "as_node": "a"}
        assert 200 == client.post("/threads/t/state", json=changed).status_code
        assert ["b"] == client.get("/threads/t/state").json()["next"]
