"""Runs of assistants of one's own: their config, and what tells of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import ALICE, bearer, client_of, detail_of
from tests.daemon.http.cron_support import let_be_due, starting, times, until
from tests.daemon.http.run_support import linger
from weft.actors import ExecutionContext, Runtime
from weft.storage import MemoryStore

SAID = {
    "config": {"tags": ["a"], "recursion_limit": 7},
    "context": {"model": "small", "tone": "dry"},
    "metadata": {"team": "x", "kind": "assistant"},
}


def show(_context: ExecutionContext, config: dict[str, Any]) -> Any:
    """Tell what the run was given."""
    return config


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    workflows = {"show": show, "linger": linger}
    with Runtime.open(store=MemoryStore(), workflows=workflows) as opened:
        yield opened
        assert opened.check().clean


def create(client: TestClient, secret: str | None = None, **fields: Any) -> str:
    """Create an assistant and return its id."""
    headers = bearer(secret) if secret else {}
    asked = {"graph_id": "show", **SAID, **fields}
    answer = client.post("/assistants", json=asked, headers=headers)
    assert 200 == answer.status_code, answer.text
    assistant_id: str = answer.json()["assistant_id"]
    return assistant_id


def start(client: TestClient, path: str, own_id: str, **fields: Any) -> Any:
    """Start a run, and return what is answered."""
    answer = client.post(path, json={"assistant_id": own_id, **fields})
    assert 200 == answer.status_code, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("fields", "configurable", "context"),
    [
        ({}, ("small", "dry"), ("small", "dry")),
        ({"context": {"model": "big"}}, ("big", "dry"), ("big", "dry")),
        (
            {"config": {"configurable": {"model": "big"}}},
            ("big", "dry"),
            ("big", "dry"),
        ),
        (
            {"config": {"configurable": {"model": "a"}}, "context": {"model": "b"}},
            ("a", "dry"),
            ("b", "dry"),
        ),
    ],
)
def test_what_a_run_says_itself_wins_key_by_key(
    client: TestClient,
    fields: dict[str, Any],
    configurable: tuple[str, str],
    context: tuple[str, str],
) -> None:
    given = start(client, "/runs/wait", create(client), input={"n": 1}, **fields)
    assert 1 == given["n"]
    for name, expected in (("configurable", configurable), ("context", context)):
        assert dict(zip(("model", "tone"), expected, strict=True)) == given[name]


def test_what_only_the_run_configures_is_no_context(client: TestClient) -> None:
    config = {"configurable": {"of": "the run"}}
    given = start(client, "/runs/wait", create(client), config=config)
    assert {"model": "small", "tone": "dry", "of": "the run"} == given["configurable"]
    assert SAID["context"] == given["context"]


def test_a_run_and_its_thread_tell_the_assistant(client: TestClient) -> None:
    own_id = create(client)
    asked = {"if_not_exists": "create", "metadata": {"kind": "run", "assistant_id": 1}}
    run = start(client, "/threads/t/runs", own_id, **asked)
    assert own_id == run["assistant_id"]
    assert {"team": "x", "kind": "run", "assistant_id": own_id} == run["metadata"]
    (listed,) = client.get("/threads/t/runs").json()
    assert (own_id, run["metadata"]) == (listed["assistant_id"], listed["metadata"])
    thread = client.get("/threads/t").json()
    assert ("show", own_id) == tuple(
        thread["metadata"][name] for name in ("graph_id", "assistant_id")
    )
    other_id = create(client)
    start(client, "/threads/t/runs/wait", other_id)
    assert other_id == client.get("/threads/t").json()["metadata"]["assistant_id"]
    wanted = {"metadata": {"assistant_id": other_id}}
    assert 1 == client.post("/threads/count", json=wanted).json()


def test_a_workflow_itself_runs_as_it_did(client: TestClient) -> None:
    create(client)
    run = start(client, "/threads/t/runs", "show", if_not_exists="create")
    registered = client.get("/assistants/show").json()
    assert (registered["assistant_id"], {}) == (run["assistant_id"], run["metadata"])
    assert {} == start(client, "/threads/t/runs/wait", "show")


def test_each_way_to_start_a_run_takes_the_assistant(client: TestClient) -> None:
    own_id = create(client)
    client.post("/threads", json={"thread_id": "t"})
    for path in ("/threads/t/runs/wait", "/runs/wait"):
        assert "small" == start(client, path, own_id)["context"]["model"]
    for path in ("/threads/t/runs/stream", "/runs/stream"):
        answer = client.post(path, json={"assistant_id": own_id})
        assert '"tone":"dry"' in answer.text
    asked = [{"assistant_id": own_id}, {"assistant_id": "show"}]
    batch = client.post("/runs/batch", json=asked).json()
    assert [own_id, client.get("/assistants/show").json()["assistant_id"]] == [
        run["assistant_id"] for run in batch
    ]


def test_a_run_takes_the_present_version(client: TestClient) -> None:
    own_id = create(client)
    path = f"/assistants/{own_id}"
    client.patch(path, json={"context": {"model": "big"}})
    assert {"model": "big"} == start(client, "/runs/wait", own_id)["context"]
    client.post(f"{path}/latest", json={"version": 1})
    assert SAID["context"] == start(client, "/runs/wait", own_id)["context"]


def test_a_repeated_run_is_the_first_one_whatever_was_changed(
    client: TestClient,
) -> None:
    own_id = create(client)
    client.post("/threads", json={"thread_id": "t"})

    def ask() -> Any:
        key, body = {"Idempotency-Key": "once"}, {"assistant_id": own_id}
        return client.post("/threads/t/runs/wait", json=body, headers=key).json()

    first = ask()
    client.patch(f"/assistants/{own_id}", json={"context": {"model": "big"}})
    assert first == ask()
    assert 1 == len(client.get("/threads/t/runs").json())


def test_one_whose_workflow_is_gone_is_shown_and_does_not_run(
    runtime: Runtime, client: TestClient
) -> None:
    own_id = create(client)
    with (
        Runtime.open(store=MemoryStore(), workflows={"linger": linger}) as other,
        client_of(other) as elsewhere,
    ):
        for item in runtime.coordinator.search_items(("__weft__",)).get(timeout=5):
            other.coordinator.put_item(item.namespace, item.key, item.value).get()
        shown = elsewhere.get(f"/assistants/{own_id}").json()
        assert "show" == shown["graph_id"]
        for answer in (
            elsewhere.post("/runs", json={"assistant_id": own_id}),
            elsewhere.get(f"/assistants/{own_id}/graph"),
        ):
            assert "'show'" in detail_of(answer, 422)
        assert 204 == elsewhere.delete(f"/assistants/{own_id}").status_code


def test_a_cron_is_of_an_assistant(client: TestClient, runtime: Runtime) -> None:
    own_id = create(client)
    asked = {"schedule": "@daily", "on_run_completed": "keep"}
    cron = start(client, "/runs/crons", own_id, **asked)
    assert own_id == cron["assistant_id"]
    wanted = {"assistant_id": own_id}
    assert 1 == client.post("/runs/crons/count", json=wanted).json()
    assert 0 == client.post("/runs/crons/count", json={"assistant_id": "show"}).json()
    # What is due runs the assistant as it is by then.
    client.patch(f"/assistants/{own_id}", json={"context": {"model": "big"}})
    let_be_due(runtime, cron["cron_id"])
    with starting(client):
        until(lambda: times(client, "fired") == 1)
    (thread,) = client.post("/threads/search", json={"metadata": wanted}).json()
    (run,) = client.get(f"/threads/{thread['thread_id']}/runs").json()
    assert (own_id, cron["cron_id"], "x") == (
        run["assistant_id"],
        run["metadata"]["cron_id"],
        run["metadata"]["team"],
    )
    assert {"model": "big"} == run["kwargs"]["config"]["context"]


def test_crons_of_nobodys_assistant_are_refused(guarded: TestClient) -> None:
    missing = {"assistant_id": create(guarded, ALICE), "schedule": "@daily"}
    answer = guarded.post(
        "/runs/crons", json=missing, headers=bearer("bob-has-another-secret")
    )
    assert "no assistant" in detail_of(answer, 404)


def test_with_an_assistant_go_its_runs_and_crons(client: TestClient) -> None:
    own_id = create(client, graph_id="linger")
    run = start(client, "/threads/t/runs", own_id, if_not_exists="create")
    other = start(client, "/threads/u/runs", "linger", if_not_exists="create")
    start(client, "/runs/crons", own_id, schedule="@daily")
    start(client, "/runs/crons", "linger", schedule="@daily")
    assert 204 == client.delete(f"/assistants/{own_id}").status_code
    client.get(f"/threads/t/runs/{run['run_id']}/join")
    assert (
        "interrupted" == client.get(f"/threads/t/runs/{run['run_id']}").json()["status"]
    )
    path = f"/threads/u/runs/{other['run_id']}"
    assert client.get(path).json()["status"] in {"pending", "running"}
    client.post(f"{path}/cancel?wait=true")
    (cron,) = client.post("/runs/crons/search", json={}).json()
    assert own_id != cron["assistant_id"]
    assert 200 == client.get("/threads/t").status_code


def test_its_threads_go_with_it_if_that_is_asked_for(client: TestClient) -> None:
    own_id = create(client, graph_id="linger")
    for name in ("t", "u"):
        start(client, f"/threads/{name}/runs", own_id, if_not_exists="create")
    start(client, "/threads/v/runs/wait", create(client), if_not_exists="create")
    gone = client.delete(f"/assistants/{own_id}", params={"delete_threads": True})
    assert 204 == gone.status_code
    statuses = [client.get(f"/threads/{name}").status_code for name in "tuv"]
    assert [404, 404, 200] == statuses


def test_threads_of_others_stay(guarded: TestClient) -> None:
    own_id, alice = create(guarded, ALICE), bearer(ALICE)
    admin = bearer("administrator-secret")
    for name, headers in (("hers", alice), ("admins", admin)):
        body = {"assistant_id": own_id, "if_not_exists": "create"}
        answer = guarded.post(f"/threads/{name}/runs/wait", json=body, headers=headers)
        assert 200 == answer.status_code
    path = f"/assistants/{own_id}?delete_threads=true"
    assert 204 == guarded.delete(path, headers=alice).status_code
    assert 404 == guarded.get("/threads/hers", headers=alice).status_code
    assert 200 == guarded.get("/threads/admins", headers=admin).status_code
