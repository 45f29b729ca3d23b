"""Commands of the protocol's third version, over HTTP."""

from pathlib import Path
from typing import Any

import pytest

from tests.daemon.http.asking import (
    ADMIN,
    ALICE,
    BOB,
    READER,
    bearer,
    detail_of,
    token_file,
)
from tests.daemon.http.event_support import COMMANDS, command, started, told
from tests.daemon.http.run_support import Client, begun_anew, serving

client = pytest.fixture(begun_anew)


def outcome(client: Client, run_id: str, thread_id: str = "t") -> Any:
    """Return what a run came to."""
    return client.get(f"/threads/{thread_id}/runs/{run_id}/join").json()


def refused(answer: Any, error: str) -> str:
    """Return the message of a refusal."""
    assert ("error", error, 1) == (answer["type"], answer["error"], answer["id"])
    message: str = answer["message"]
    return message


def test_a_run_is_started(client: Client) -> None:
    run_id = started(client, input={"by": 2}, metadata={"about": "x"})
    assert 2 == outcome(client, run_id)["n"]
    run = client.get(f"/threads/t/runs/{run_id}").json()
    assert {"about": "x"} == run["metadata"]
    assert run["kwargs"]["stream_resumable"]


def test_a_run_creates_its_thread(client: Client) -> None:
    answer = told(
        client, "run.start", "/threads/new one/commands", assistant_id="count"
    )
    assert {"applied_through_seq": 0} == answer["meta"]
    assert 3 == outcome(client, answer["result"]["run_id"], "new one")["n"]
    client.delete("/threads/new one").raise_for_status()


def test_what_clients_say_of_the_thread_is_no_part_of_the_config(
    client: Client,
) -> None:
    config = {"configurable": {"thread_id": "t", "flavour": "sweet"}}
    run_id = started(client, input={"by": 1}, config=config)
    outcome(client, run_id)
    assert {"flavour": "sweet"} == client.run_of(run_id).config["configurable"]


def test_an_earlier_checkpoint_is_gone_back_to(client: Client) -> None:
    outcome(client, started(client))
    history = client.post("/threads/t/history", json={}).json()
    first = history[-1]["checkpoint"]["checkpoint_id"]
    config = {"configurable": {"checkpoint_id": first}}
    run_id = started(client, input={"by": 1}, config=config)
    assert 2 == outcome(client, run_id)["n"]


def test_the_answer_says_where_the_events_stand(client: Client) -> None:
    outcome(client, started(client))
    answer = told(client, "run.start", assistant_id="count", input={"by": 1})
    outcome(client, answer["result"]["run_id"])
    since = answer["meta"]["applied_through_seq"]
    body = {"channels": ["lifecycle"], "since": since}
    with client.events("POST", "/threads/t/stream/events", json=body) as events:
        first = events.take(1)[0].data
    assert f"synth:{answer['result']['run_id']}:lc||running" == first["event_id"]


@pytest.mark.parametrize("name", ["multitask_strategy", "multitaskStrategy"])
def test_a_second_run_may_be_rejected(client: Client, name: str) -> None:
    started(client, "walk")
    client.gate.reached()
    params = {"assistant_id": "count", name: "reject"}
    assert "'t'" in refused(told(client, "run.start", **params), "unknown_error")


def test_the_same_key_starts_one_run(client: Client) -> None:
    body = command("run.start", assistant_id="count")
    key = {"Idempotency-Key": "once"}
    first, again = (client.post(COMMANDS, json=body, headers=key) for _ in range(2))
    assert first.json()["result"] == again.json()["result"]


def test_the_tree_is_that_of_the_last_run(client: Client) -> None:
    assert refused(told(client, "agent.getTree"), "no_such_run")
    outcome(client, started(client))
    tree = told(client, "agent.getTree")["result"]["tree"]
    assert {"namespace": [], "status": "completed", "graph_name": "count"} == tree


def test_what_cannot_be_done_is_refused_with_a_reason(client: Client) -> None:
    assert "run.start" in refused(told(client, "run.stop"), "unknown_command")
    assert "since" in refused(told(client, "subscription.reconnect"), "not_supported")
    assert "assistant_id" in refused(told(client, "run.start"), "invalid_argument")
    nobody = told(client, "run.start", assistant_id="nobody")
    assert "'nobody'" in refused(nobody, "invalid_argument")
    assert "interrupt_id" in refused(told(client, "input.respond"), "invalid_argument")
    nothing = told(client, "input.respond", interrupt_id="i", response=1)
    assert "wait" in refused(nothing, "no_such_interrupt")
    text = told(client, "run.start", assistant_id="count", input="text")
    assert "$.input" in refused(text, "invalid_argument")


@pytest.mark.parametrize("body", [{"method": "run.start"}, {"id": 1}, [], {"id": "1"}])
def test_what_is_no_command_is_refused(client: Client, body: Any) -> None:
    assert detail_of(client.post(COMMANDS, json=body), 422)


def test_owners_and_scopes_are_kept(tmp_path: Path) -> None:
    with serving(tokens=token_file(tmp_path)) as client:
        alice, bob, admin = bearer(ALICE), bearer(BOB), bearer(ADMIN)
        client.post("/threads", json={"thread_id": "t"}, headers=alice)
        body = command("run.start", assistant_id="count")
        for method in ("run.start", "input.respond", "agent.getTree"):
            asked = command(method, assistant_id="count", interrupt_id="i")
            answer = client.post(COMMANDS, json=asked, headers=bob).json()
            assert "error" == answer["type"], answer
        assert [] == client.get("/threads/t/runs", headers=alice).json()
        reader = client.post(COMMANDS, json=body, headers=bearer(READER))
        assert 403 == reader.status_code
        for headers in (alice, admin):
            answer = client.post(COMMANDS, json=body, headers=headers).json()
            assert "success" == answer["type"], answer
