"""Threads as the protocol has them: one owner each, whoever created them how."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import ALICE, BOB, READER, bearer, detail_of
from tests.daemon.http.count_workflow import runtime_that_counts
from weft.actors import Runtime
from weft.storage import SessionThreadException

runtime = pytest.fixture(runtime_that_counts)


def create(client: TestClient, **new: Any) -> dict[str, Any]:
    answer = client.post("/threads", json=new)
    assert 200 == answer.status_code, answer.text
    made: dict[str, Any] = answer.json()
    return made


def owned(runtime: Runtime, session_id: str) -> list[str]:
    threads = runtime.coordinator.list_threads(session_id).get(timeout=5)
    return [thread.thread_name for thread in threads]


def test_a_thread_belongs_to_the_session_that_its_metadata_name(
    client: TestClient, runtime: Runtime
) -> None:
    made = create(client, thread_id="t", metadata={"session_id": "s", "x": 1})
    assert ({"session_id": "s", "x": 1}, "idle", {}) == (
        made["metadata"],
        made["status"],
        made["values"],
    )
    assert ["t"] == owned(runtime, "s")
    assert made == client.get("/threads/t").json()


def test_a_thread_without_a_session_belongs_to_the_default_one(
    client: TestClient, runtime: Runtime
) -> None:
    made = create(client)
    assert "default" == made["metadata"]["session_id"]
    assert [made["thread_id"]] == owned(runtime, "default")


def test_a_closed_default_session_has_a_successor(
    client: TestClient, runtime: Runtime
) -> None:
    create(client)
    runtime.coordinator.close_session("default").get(timeout=5)
    assert "default-2" == create(client)["metadata"]["session_id"]


@pytest.mark.parametrize("thread_id", ["a b", "x/y", "\u00fc?#%", "search", "n" * 100])
def test_any_string_is_a_thread_id(client: TestClient, thread_id: str) -> None:
    create(client, thread_id=thread_id)
    quoted = "".join(f"%{byte:02X}" for byte in thread_id.encode())
    assert thread_id == client.get(f"/threads/{quoted}").json()["thread_id"]
    assert 204 == client.delete(f"/threads/{quoted}").status_code
    assert 404 == client.get(f"/threads/{quoted}").status_code


def test_a_name_is_the_threads_own_or_its_id(
    client: TestClient, runtime: Runtime
) -> None:
    named = create(client, metadata={"session_id": "s", "thread_name": "notes"})
    assert "notes" == named["metadata"]["thread_name"]
    create(client, thread_id="t", metadata={"session_id": "s", "thread_name": "t"})
    assert ["notes", "t"] == owned(runtime, "s")
    again = {"metadata": {"session_id": "s", "thread_name": "notes"}}
    taken = client.post("/threads", json=again)
    assert (409, "NameTaken") == (taken.status_code, taken.json()["code"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("session_id", 5),
        ("session_id", ""),
        ("session_id", "a\nb"),
        ("thread_name", []),
        ("thread_name", "x" * 256),
    ],
)
def test_what_can_be_no_owner_or_name_is_refused_with_its_path(
    client: TestClient, key: str, value: Any
) -> None:
    answer = client.post("/threads", json={"metadata": {key: value}})
    assert f"$.metadata.{key}" in detail_of(answer, 422)


def test_an_id_that_is_taken_is_refused_or_opened(client: TestClient) -> None:
    made = create(client, thread_id="t", metadata={"x": 1})
    refused = client.post("/threads", json={"thread_id": "t"})
    assert (409, "ThreadExists") == (refused.status_code, refused.json()["code"])
    opened = create(client, thread_id="t", metadata={"x": 2}, if_exists="do_nothing")
    assert made == opened
    fresh = create(client, thread_id="u", if_exists="do_nothing")
    assert "u" == fresh["thread_id"]


def test_a_repeated_creation_gives_the_first_answer(client: TestClient) -> None:
    key = {"Idempotency-Key": "once"}
    ids = {
        client.post("/threads", json={}, headers=key).json()["thread_id"]
        for _ in range(3)
    }
    assert 1 == len(ids)
    assert 1 == client.post("/threads/count", json={}).json()


def test_what_is_repeated_is_done_once_though_the_world_has_moved_on(
    guarded: TestClient, runtime: Runtime
) -> None:
    steps = [{"updates": [{"values": {"n": 1}}]}]
    new = {"thread_id": "t", "metadata": {"session_id": "s"}, "supersteps": steps}
    name = {"metadata": {"thread_name": "notes"}}
    asked: list[tuple[str, str, Any]] = [
        ("POST", "/threads", new),
        ("PATCH", "/threads/t", name),
        ("POST", "/threads", {"thread_id": "u", "metadata": {"session_id": "s"}}),
        ("POST", "/threads/prune", {"thread_ids": ["u", "gone"]}),
        ("DELETE", "/threads/t", None),
    ]
    for number, (method, path, body) in enumerate(asked):
        how = {**bearer(ALICE), "Idempotency-Key": f"once {number}"}
        first = guarded.request(method, path, json=body, headers=how)
        seq = runtime.store.statistics().seq
        again = guarded.request(method, path, json=body, headers=how)
        assert first.is_success, first.text
        assert (first.status_code, first.content, seq) == (
            again.status_code,
            again.content,
            runtime.store.statistics().seq,
        )


def test_supersteps_are_states_of_the_new_thread(client: TestClient) -> None:
    steps = [
        {"updates": [{"values": {"n": 1, "m": 1}, "as_node": "count"}]},
        {"updates": [{"values": {"n": 2}}, {"values": {"k": 3}}]},
    ]
    made = create(client, thread_id="t", supersteps=steps)
    assert {"n": 2, "m": 1, "k": 3} == made["values"]
    history = client.get("/threads/t/history").json()
    assert [{"n": 2, "m": 1, "k": 3}, {"n": 1, "m": 1}] == [
        state["values"] for state in history
    ]


def test_a_thread_and_its_supersteps_are_created_together_or_not_at_all(
    client: TestClient, runtime: Runtime
) -> None:
    before = runtime.store.statistics().seq
    many = [{"updates": [{"values": {"n": n}}]} for n in range(1000)]
    metadata = {"session_id": "new"}
    new = {"thread_id": "t", "metadata": metadata, "supersteps": many}
    assert "at most 1000" in detail_of(client.post("/threads", json=new), 422)
    assert 404 == client.get("/threads/t").status_code
    assert 404 == client.get("/sessions/new").status_code
    assert before == runtime.store.statistics().seq
    create(client, **{**new, "supersteps": many[:999]})
    assert before + 1 == runtime.store.statistics().seq


def test_a_graph_id_names_the_workflow_if_it_is_registered(
    client: TestClient, runtime: Runtime
) -> None:
    create(client, thread_id="t", metadata={"graph_id": "count"})
    create(client, thread_id="u", metadata={"graph_id": "unknown"})
    known, unknown = (runtime.thread(each).get().get(timeout=5) for each in "tu")
    assert ("count", None) == (known.workflow, unknown.workflow)
    runtime.thread("t").run({"by": 2}).get(timeout=5)
    assert {"n": 2} == client.get("/threads/t").json()["values"]


def test_metadata_are_merged_key_by_key(client: TestClient) -> None:
    create(client, thread_id="t", metadata={"a": 1, "b": {"c": 1}})
    changed = client.patch("/threads/t", json={"metadata": {"b": {"d": 2}, "e": None}})
    assert {"a": 1, "b": {"d": 2}, "e": None, "session_id": "default"} == (
        changed.json()["metadata"]
    )
    quiet = client.patch(
        "/threads/t", json={"metadata": {"a": 2}}, headers={"Prefer": "return=minimal"}
    )
    assert (204, b"") == (quiet.status_code, quiet.content)
    assert 2 == client.get("/threads/t").json()["metadata"]["a"]


def test_a_thread_is_not_moved_by_its_metadata(client: TestClient) -> None:
    create(client, thread_id="t", metadata={"session_id": "s"})
    patch = {"metadata": {"session_id": "other", "x": 1}}
    detail = detail_of(client.patch("/threads/t", json=patch), 422)
    assert "POST /threads/{thread_id}/transfer" in detail
    assert {"session_id": "s"} == client.get("/threads/t").json()["metadata"]
    same = client.patch("/threads/t", json={"metadata": {"session_id": "s", "x": 1}})
    assert {"session_id": "s", "x": 1} == same.json()["metadata"]


def test_a_moved_thread_shows_its_new_owner(client: TestClient) -> None:
    create(client, thread_id="t", metadata={"session_id": "s"})
    client.post("/threads/t/transfer", json={"to_session_id": "u", "create": True})
    assert "u" == client.get("/threads/t").json()["metadata"]["session_id"]


def test_a_new_name_in_the_metadata_renames(
    client: TestClient, runtime: Runtime
) -> None:
    create(client, thread_id="t", metadata={"session_id": "s"})
    create(client, thread_id="u", metadata={"session_id": "s"})
    patch = {"metadata": {"thread_name": "notes", "x": 1}}
    assert (
        "notes"
        == client.patch("/threads/t", json=patch).json()["metadata"]["thread_name"]
    )
    assert ["notes", "u"] == owned(runtime, "s")
    taken = client.patch("/threads/u", json=patch)
    assert "NameTaken" == taken.json()["code"]
    assert {"session_id": "s"} == client.get("/threads/u").json()["metadata"]


def test_how_long_a_thread_is_kept_is_said_and_changed(client: TestClient) -> None:
    create(client, thread_id="t", ttl={"ttl": 90})
    assert "ttl" not in client.get("/threads/t").json()
    told = client.get("/threads/t?include=ttl").json()["ttl"]
    assert ("delete", 90.0) == (told["strategy"], told["ttl_minutes"])
    patch = {"ttl": {"ttl": 5, "strategy": "keep_latest"}}
    client.patch("/threads/t", json=patch)
    told = client.get("/threads/t?include=ttl").json()["ttl"]
    assert ("keep_latest", 5.0) == (told["strategy"], told["ttl_minutes"])
    create(client, thread_id="u")
    assert client.get("/threads/u?include=ttl").json()["ttl"] is None


def test_a_busy_thread_is_deleted_and_stays_deleted(
    client: TestClient, runtime: Runtime
) -> None:
    create(client, thread_id="t", metadata={"graph_id": "count"})
    begun = runtime.thread("t").start_run({"by": 10**9}).get(timeout=5)
    run = runtime.coordinator.join_run(begun.run_id)
    assert "busy" == client.get("/threads/t").json()["status"]
    assert 204 == client.delete("/threads/t").status_code
    assert 404 == client.get("/threads/t").status_code
    with pytest.raises(SessionThreadException):
        run.get(timeout=5)
    assert 404 == client.get("/threads/t").status_code
    assert 404 == client.delete("/threads/t").status_code


def test_a_copy_has_the_states_and_a_life_of_its_own(client: TestClient) -> None:
    steps = [{"updates": [{"values": {"n": n}}]} for n in range(3)]
    create(
        client, thread_id="t", metadata={"session_id": "s", "x": 1}, supersteps=steps
    )
    copy = client.post("/threads/t/copy").json()
    assert "t" != copy["thread_id"]
    assert ({"n": 2}, {"session_id": "s", "x": 1}) == (copy["values"], copy["metadata"])
    client.delete("/threads/t")
    assert 3 == len(client.get(f"/threads/{copy['thread_id']}/history").json())
    assert 404 == client.post("/threads/t/copy").status_code


def test_pruning_removes_threads_or_their_past(client: TestClient) -> None:
    steps = [{"updates": [{"values": {"n": n}}]} for n in range(3)]
    for thread_id in ("t", "u"):
        create(client, thread_id=thread_id, supersteps=steps)
    latest = {"thread_ids": ["t", "gone", "t"], "strategy": "keep_latest"}
    assert {"pruned_count": 1} == client.post("/threads/prune", json=latest).json()
    assert [1, 3] == [
        len(client.get(f"/threads/{each}/history").json()) for each in "tu"
    ]
    assert {"n": 2} == client.get("/threads/t").json()["values"]
    both = {"thread_ids": ["t", "u", "gone"]}
    assert {"pruned_count": 2} == client.post("/threads/prune", json=both).json()
    assert 0 == client.post("/threads/count", json={}).json()
    assert {"pruned_count": 0} == client.post("/threads/prune", json=both).json()


# Owners


def test_what_a_bound_token_creates_is_its_users(
    guarded: TestClient, runtime: Runtime
) -> None:
    for who, secret in (("alice", ALICE), ("bob", BOB)):
        made = guarded.post("/threads", json={}, headers=bearer(secret)).json()
        session_id = made["metadata"]["session_id"]
        assert session_id.startswith("default-")
        session = runtime.coordinator.get_session(session_id).get(timeout=5)
        assert who == session.user_id
    named = {"metadata": {"session_id": "a"}}
    guarded.post("/threads", json=named, headers=bearer(ALICE))
    assert 404 == guarded.post("/threads", json=named, headers=bearer(BOB)).status_code
    assert 1 == len(owned(runtime, "a"))


def test_a_default_session_that_somebody_took_has_a_successor(
    guarded: TestClient, runtime: Runtime
) -> None:
    made = guarded.post("/threads", json={}, headers=bearer(ALICE)).json()
    session_id = made["metadata"]["session_id"]
    runtime.coordinator.update_session(session_id, user_id="thief").get(timeout=5)
    made = guarded.post("/threads", json={}, headers=bearer(ALICE)).json()
    assert f"{session_id}-2" == made["metadata"]["session_id"]


def test_somebody_elses_thread_is_not_there(guarded: TestClient) -> None:
    new = {"thread_id": "t", "supersteps": [{"updates": [{"values": {"n": 1}}]}]}
    guarded.post("/threads", json=new, headers=bearer(ALICE))
    bob = bearer(BOB)
    asked: list[tuple[str, str, Any]] = [
        ("GET", "/threads/t", None),
        ("PATCH", "/threads/t", {"metadata": {"x": 1}}),
        ("DELETE", "/threads/t", None),
        ("POST", "/threads/t/copy", None),
        ("GET", "/threads/t/state", None),
        ("POST", "/threads/t/state", {"values": {"n": 2}}),
        ("POST", "/threads/t/state/checkpoint", {"checkpoint": {}}),
        ("GET", "/threads/t/history", None),
        ("POST", "/threads/t/history", {}),
    ]
    for method, path, body in asked:
        answer = guarded.request(method, path, json=body, headers=bob)
        assert "'t' does not exist" in detail_of(answer, 404), (method, path)
    found = guarded.post("/threads/search", json={}, headers=bob).json()
    assert [] == found
    named = {"ids": ["t"]}
    assert [] == guarded.post("/threads/search", json=named, headers=bob).json()
    assert 0 == guarded.post("/threads/count", json={}, headers=bob).json()
    gone = {"thread_ids": ["t"]}
    pruned = guarded.post("/threads/prune", json=gone, headers=bob).json()
    assert {"pruned_count": 0} == pruned
    taken = {"thread_id": "t", "if_exists": "do_nothing"}
    assert 409 == guarded.post("/threads", json=taken, headers=bob).status_code
    seen = guarded.get("/threads/t", headers=bearer(ALICE)).json()
    assert {"n": 1} == seen["values"]


def test_a_reader_searches_and_creates_nothing(guarded: TestClient) -> None:
    reader = bearer(READER)
    for path in ("/threads/search", "/threads/count", "/assistants/search"):
        assert 200 == guarded.post(path, json={}, headers=reader).status_code
    for path in ("/threads", "/threads/prune", "/threads/t/copy", "/threads/t/state"):
        body: dict[str, Any] = {"thread_ids": []}
        assert 403 == guarded.post(path, json=body, headers=reader).status_code
