"""Runs over HTTP: started, waited for, listed, stopped, forgotten."""

from pathlib import Path
from typing import Any

import pytest

from tests.daemon.http.asking import ADMIN, ALICE, BOB, bearer, detail_of, token_file
from tests.daemon.http.run_support import (
    Client,
    Gate,
    begun_anew,
    gate_of,
    run_id_in,
    serving,
)

RUNS = "/threads/t/runs"

client = pytest.fixture(begun_anew)
gate = pytest.fixture(gate_of)


def started(client: Client, path: str = RUNS, **body: Any) -> dict[str, Any]:
    answer = client.post(path, json={"assistant_id": "count", **body})
    assert 200 == answer.status_code, answer.text
    made: dict[str, Any] = answer.json()
    return made


def joined(client: Client, run: dict[str, Any]) -> Any:
    return client.get(f"/threads/{run['thread_id']}/runs/{run['run_id']}/join").json()


# -- starting ------------------------------------------------------------------------


def test_a_run_is_started_in_the_background_and_joined(client: Client) -> None:
    answer = client.post(RUNS, json={"assistant_id": "count", "metadata": {"a": 1}})
    run = answer.json()
    assert f"{RUNS}/{run['run_id']}" == answer.headers["content-location"]
    assert {"a": 1} == run["metadata"]
    assert "t" == run["thread_id"]
    assert {"n": 3, "kind": "count"} == joined(client, run)
    assert "success" == client.get(f"{RUNS}/{run['run_id']}").json()["status"]


def test_waiting_for_a_run_gives_its_last_values(client: Client) -> None:
    body = {"assistant_id": "count", "input": {"by": 2}}
    answer = client.post(f"{RUNS}/wait", json=body)
    assert {"n": 2, "kind": "count"} == answer.json()
    assert answer.headers["location"].endswith("/join")


def test_waiting_for_a_run_that_fails_tells_why(client: Client) -> None:
    answer = client.post(f"{RUNS}/wait", json={"assistant_id": "fail"})
    expected = {"error": "ValueError", "message": "no further"}
    assert {"__error__": expected} == answer.json()
    assert "error" == client.get("/threads/t").json()["status"]


def test_a_run_has_its_input_and_what_is_configured_as_config(client: Client) -> None:
    config = {"configurable": {"user": "u"}}
    run = started(client, input={"by": 1}, config=config, context={"c": 2})
    expected = {"by": 1, "configurable": {"user": "u"}, "context": {"c": 2}}
    assert expected == client.run_of(run["run_id"]).config


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"assistant_id": "nope"}, 404, "no assistant 'nope'"),
        ({"webhook": "http://elsewhere"}, 501, "webhook"),
        ({"strict_resume": True}, 501, "strict_resume"),
        ({"stream_mode": "events"}, 422, "$.stream_mode"),
        ({"stream_mode": ["values", "shouting"]}, 422, "$.stream_mode[1]"),
        ({"command": {"resume": 1}}, 422, "$.command"),
        ({"interrupt_before": ["a"]}, 422, "$.interrupt_before"),
        ({"input": [1]}, 422, "$.input"),
        ({"checkpoint_id": "7-x"}, 404, "checkpoint"),
        ({"multitask_strategy": "fight"}, 422, "$.multitask_strategy"),
        ({"after_seconds": -1}, 422, "$.after_seconds"),
    ],
)
def test_what_cannot_be_done_is_refused(
    client: Client, body: dict[str, Any], status: int, words: str
) -> None:
    answer = client.post(RUNS, json={"assistant_id": "count", **body})
    assert words in detail_of(answer, status)
    assert [] == client.get(RUNS).json()


def test_a_workflow_is_found_by_the_id_of_its_assistant(client: Client) -> None:
    assistant_id = started(client)["assistant_id"]
    assert assistant_id == started(client, assistant_id=assistant_id)["assistant_id"]


def test_a_thread_that_is_missing_is_created_only_if_asked_for(client: Client) -> None:
    path = "/threads/new/runs"
    assert "new" in detail_of(client.post(path, json={"assistant_id": "count"}), 404)
    run = started(client, path, if_not_exists="create")
    assert {"n": 3, "kind": "count"} == joined(client, run)
    assert "count" == client.get("/threads/new").json()["metadata"]["graph_id"]


def test_a_run_begins_at_an_earlier_state(client: Client) -> None:
    joined(client, started(client))
    (state,) = client.post("/threads/t/history", json={"before": None}).json()[1:2]
    checkpoint = state["checkpoint"]
    assert 2 == state["values"]["n"]
    joined(client, started(client, checkpoint=checkpoint, input={"by": 1}))
    assert [1, 2, 3, 2, 3] == [state["n"] for state in client.states_of("t")]


def test_a_delayed_run_is_pending_until_then(client: Client) -> None:
    run = started(client, after_seconds=3600)
    assert "pending" == run["status"]
    assert [run["run_id"]] == [
        each["run_id"] for each in client.get(RUNS, params={"status": "pending"}).json()
    ]
    client.post(f"{RUNS}/{run['run_id']}/cancel").raise_for_status()
    assert "__error__" in joined(client, run)


def test_a_repeated_request_starts_one_run(client: Client) -> None:
    key = {"Idempotency-Key": "once"}
    body = {"assistant_id": "count"}
    first, second = (client.post(RUNS, json=body, headers=key) for _ in range(2))
    assert first.json()["run_id"] == second.json()["run_id"]
    assert 1 == len(client.get(RUNS).json())


def test_a_repeated_request_goes_back_to_no_earlier_state_again(client: Client) -> None:
    joined(client, started(client))
    (state,) = client.post("/threads/t/history", json={"before": None}).json()[1:2]
    key = {"Idempotency-Key": "back once"}
    body = {
        "assistant_id": "count",
        "checkpoint": state["checkpoint"],
        "input": {"by": 1},
    }
    first = client.post(RUNS, json=body, headers=key).json()
    joined(client, first)
    again = client.post(RUNS, json=body, headers=key).json()
    assert first["run_id"] == again["run_id"]
    assert [1, 2, 3, 2, 3] == [state["n"] for state in client.states_of("t")]


def test_a_repeated_stream_reads_the_run_of_the_first(client: Client) -> None:
    key, body = {"Idempotency-Key": "once more"}, {"assistant_id": "walk"}
    with client.events("POST", f"{RUNS}/stream", json=body, headers=key) as first:
        first.take(1)
        with client.events("POST", f"{RUNS}/stream", json=body, headers=key) as second:
            assert first.run_id == second.run_id


# -- several on one thread -----------------------------------------------------------


def test_three_runs_at_once_on_one_thread_count_to_three(client: Client) -> None:
    runs = [started(client, input={"by": 1}) for _ in range(3)]
    assert [1, 2, 3] == [joined(client, run)["n"] for run in runs]


def test_a_run_that_is_not_to_wait_is_refused_and_told_why(
    client: Client, gate: Gate
) -> None:
    before = started(client, assistant_id="walk")
    gate.reached()
    answer = client.post(
        RUNS, json={"assistant_id": "count", "multitask_strategy": "reject"}
    )
    assert before["run_id"] in detail_of(answer, 409)


@pytest.mark.parametrize(
    ("strategy", "left"), [("interrupt", [1, 2]), ("rollback", [])]
)
def test_a_run_takes_the_place_of_another(
    client: Client, gate: Gate, strategy: str, left: list[int]
) -> None:
    first = started(client, assistant_id="walk")
    gate.reached()
    gate.open()
    gate.reached()  # its first state is durable
    second = started(client, multitask_strategy=strategy)
    assert strategy == second["multitask_strategy"]
    gate.open()
    assert "success" != joined(client, first)
    joined(client, second)
    assert "interrupted" == client.run_of(first["run_id"]).status
    walked = [state["n"] for state in client.states_of("t") if "kind" not in state]
    assert left == walked


# -- looking -------------------------------------------------------------------------


def test_runs_are_listed_newest_first_in_pages(client: Client) -> None:
    ids = [started(client)["run_id"] for _ in range(4)]
    page = client.get(RUNS, params={"limit": 2, "offset": 1, "select": ["run_id"]})
    assert [{"run_id": ids[2]}, {"run_id": ids[1]}] == page.json()
    as_json = client.get(RUNS, params={"limit": 1, "select": '["run_id"]'})
    assert [{"run_id": ids[3]}] == as_json.json()
    assert "select" in detail_of(client.get(RUNS, params={"select": "beauty"}), 422)


def test_a_run_is_not_found_on_another_thread(client: Client) -> None:
    run = started(client)
    client.post("/threads", json={"thread_id": "other"})
    answer = client.get(f"/threads/other/runs/{run['run_id']}")
    assert run["run_id"] in detail_of(answer, 404)


def test_a_run_is_forgotten_once_it_has_ended(client: Client, gate: Gate) -> None:
    run = started(client, assistant_id="walk")
    path = f"{RUNS}/{run['run_id']}"
    assert "Cancel it first" in detail_of(client.delete(path), 409)
    gate.open(3)
    joined(client, run)
    assert 204 == client.delete(path).status_code
    detail_of(client.get(path), 404)
    assert [1, 2, 3] == [state["n"] for state in client.states_of("t")]


# -- stopping ------------------------------------------------------------------------


def test_a_cancelled_run_keeps_its_states(client: Client, gate: Gate) -> None:
    run = started(client, assistant_id="walk")
    gate.open()
    gate.reached()
    gate.reached()
    answer = client.post(f"{RUNS}/{run['run_id']}/cancel")
    assert 204 == answer.status_code
    gate.open()
    assert "RunInterrupted" == joined(client, run)["__error__"]["error"]
    assert "interrupted" == client.run_of(run["run_id"]).status
    assert client.states_of("t")


def test_a_run_that_is_rolled_back_leaves_nothing(client: Client) -> None:
    joined(client, started(client, input={"by": 1}))
    body = {"assistant_id": "linger"}
    with client.events("POST", f"{RUNS}/stream", json=body) as events:
        events.take(2)  # its first state is durable
        path = f"{RUNS}/{events.run_id}"
        how = "wait=1&action=rollback"
        assert 204 == client.post(f"{path}/cancel?{how}").status_code
        last = list(events)[-1]
    assert "error" == last.event  # that it was undone, or is not there any more
    detail_of(client.get(path), 404)
    assert [1] == [state["n"] for state in client.states_of("t")]


def test_cancelling_what_has_ended_changes_nothing(client: Client) -> None:
    run = started(client)
    joined(client, run)
    path = f"{RUNS}/{run['run_id']}"
    assert 204 == client.post(f"{path}/cancel?action=rollback").status_code
    assert "success" == client.get(path).json()["status"]


@pytest.mark.parametrize("body", [{"status": "all"}, {"thread_id": "t"}, None])
def test_many_runs_are_cancelled_at_once(
    client: Client, gate: Gate, body: dict[str, Any] | None
) -> None:
    runs = [started(client, assistant_id="walk") for _ in range(3)]
    gate.reached()
    if body is None or "thread_id" in body:
        body = {"thread_id": "t", "run_ids": [run["run_id"] for run in runs]}
    assert 204 == client.post("/runs/cancel", json=body).status_code
    gate.open()
    for run in runs:
        joined(client, run)
        assert "interrupted" == client.run_of(run["run_id"]).status


def test_cancelling_many_needs_to_be_told_which(client: Client) -> None:
    assert "status" in detail_of(client.post("/runs/cancel", json={}), 422)


# -- whose ---------------------------------------------------------------------------


def test_nobody_sees_the_runs_of_somebody_else(tmp_path: Path) -> None:
    with serving(tokens=token_file(tmp_path)) as client:
        alice, bob = bearer(ALICE), bearer(BOB)
        client.post("/threads", json={"thread_id": "a"}, headers=alice)
        body = {"assistant_id": "count"}
        made = client.post("/threads/a/runs", json=body, headers=alice)
        path = made.headers["content-location"]
        run_id = run_id_in(path)
        asked = [
            client.post("/threads/a/runs", json=body, headers=bob),
            client.post("/threads/a/runs/stream", json=body, headers=bob),
            client.post("/threads/a/runs/wait", json=body, headers=bob),
            client.get("/threads/a/runs", headers=bob),
            client.get("/threads/a/stream", headers=bob),
            client.get(path, headers=bob),
            client.get(f"{path}/join", headers=bob),
            client.get(f"{path}/stream", headers=bob),
            client.post(f"{path}/cancel", headers=bob),
            client.delete(path, headers=bob),
        ]
        assert [404] * len(asked) == [answer.status_code for answer in asked]
        many = {"run_ids": [run_id]}
        assert 204 == client.post("/runs/cancel", json=many, headers=bob).status_code
        assert 200 == client.get(f"{path}/join", headers=alice).status_code
        assert 200 == client.get(path, headers=bearer(ADMIN)).status_code
        assert "success" == client.get(path, headers=alice).json()["status"]
