"""Crons over HTTP: what is asked for, who sees it, how it is found and changed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import ADMIN, ALICE, BOB, READER, bearer, detail_of
from weft.actors import Runtime
from weft.daemon.crons import Crons, Progress

DAILY = {"assistant_id": "chat", "schedule": "0 9 * * *"}


def create(client: TestClient, secret: str | None = None, **fields: Any) -> Any:
    """Create a cron and return it."""
    headers = bearer(secret) if secret else {}
    answer = client.post("/runs/crons", json={**DAILY, **fields}, headers=headers)
    assert 200 == answer.status_code, answer.text
    return answer.json()


def found(client: TestClient, secret: str | None = None, **wanted: Any) -> list[Any]:
    """Return the crons that a search finds."""
    headers = bearer(secret) if secret else {}
    answer = client.post("/runs/crons/search", json=wanted, headers=headers)
    assert 200 == answer.status_code, answer.text
    crons: list[Any] = answer.json()
    return crons


def ids(crons: list[Any]) -> list[str]:
    return [cron["cron_id"] for cron in crons]


def test_a_cron_is_shown_as_it_was_asked_for(client: TestClient) -> None:
    asked: dict[str, Any] = {
        "input": {"about": "weather"},
        "metadata": {"kind": "report"},
        "timezone": "Europe/Berlin",
        "end_time": "2200-01-01T00:00:00",
        "on_run_completed": "keep",
    }
    cron = create(client, **asked)
    assert {**DAILY, **asked} == cron["payload"]
    assert {"kind": "report"} == cron["metadata"]
    assert ("0 9 * * *", "Europe/Berlin") == (cron["schedule"], cron["timezone"])
    assert "2200-01-01T00:00:00Z" == cron["end_time"]
    assert ("keep", None, None) == (
        cron["on_run_completed"],
        cron["thread_id"],
        cron["last_error"],
    )
    assert cron["enabled"]
    due = datetime.fromisoformat(cron["next_run_date"])
    assert timedelta() < due - datetime.now(UTC) <= timedelta(days=1, hours=1)
    assert [cron] == found(client)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"schedule": "0 9 * *"}, "$.schedule"),
        ({"schedule": "0 25 * * *"}, "$.schedule"),
        ({"schedule": "0 0 30 2 *"}, "$.schedule"),
        ({"schedule": ""}, "$.schedule"),
        ({"schedule": None}, "$.schedule"),
        ({"timezone": "Mars/Olympus"}, "$.timezone"),
        ({"timezone": "/etc/passwd"}, "$.timezone"),
        ({"end_time": "soon"}, "$.end_time"),
        ({"end_time": "9999-12-31T23:59:59-12:00"}, "$.end_time"),
        ({"on_run_completed": "forget"}, "$.on_run_completed"),
        ({"input": [1]}, "$.input"),
        ({"multitask_strategy": "hope"}, "$.multitask_strategy"),
    ],
)
def test_what_could_never_be_run_is_refused_at_once(
    client: TestClient, fields: dict[str, Any], path: str
) -> None:
    answer = client.post("/runs/crons", json={**DAILY, **fields})
    assert path in detail_of(answer, 422)
    assert path == answer.json()["faults"][0]["path"]
    assert [] == found(client)


def test_a_cron_needs_its_workflow_and_its_thread(client: TestClient) -> None:
    answer = client.post("/runs/crons", json={**DAILY, "assistant_id": "nobody"})
    assert "no assistant 'nobody'" in detail_of(answer, 404)
    answer = client.post("/threads/nowhere/runs/crons", json=DAILY)
    assert "nowhere" in detail_of(answer, 404)


def test_a_repeated_request_finds_the_first_cron(client: TestClient) -> None:
    key = {"Idempotency-Key": "daily report"}
    first, again = (
        client.post("/runs/crons", json=DAILY, headers=key).json() for _ in range(2)
    )
    assert first == again
    assert 1 == client.post("/runs/crons/count", json={}).json()


def test_there_are_only_so_many_crons(
    client: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.daemon.crons.CRONS_MAX", 2)
    first = create(client)["cron_id"]
    asyncio.run(Crons(runtime.coordinator).advance(first, Progress(1)))
    create(client)
    assert "Remove some" in detail_of(client.post("/runs/crons", json=DAILY), 409)
    client.delete(f"/runs/crons/{first}")
    create(client)


def test_a_change_is_of_what_it_names(client: TestClient) -> None:
    cron = create(client, input={"a": 1}, timezone="Europe/Berlin", metadata={"b": 2})
    path = f"/runs/crons/{cron['cron_id']}"
    changed = client.patch(path, json={"input": {"a": 2}, "timezone": None}).json()
    assert {**DAILY, "input": {"a": 2}, "metadata": {"b": 2}} == changed["payload"]
    assert None is changed["timezone"]
    assert cron["created_at"] == changed["created_at"] < changed["updated_at"]
    assert [changed] == found(client)
    disabled = client.patch(path, json={"enabled": False}).json()
    assert (False, None) == (disabled["enabled"], disabled["next_run_date"])
    assert "$.schedule" in detail_of(client.patch(path, json={"schedule": "x"}), 422)
    assert [disabled] == found(client, enabled=False)
    assert 404 == client.patch("/runs/crons/none", json={}).status_code


@pytest.mark.parametrize(
    ("change", "counts_anew"),
    [
        ({"schedule": "30 9 * * *"}, True),
        ({"timezone": "Europe/Berlin"}, True),
        ({"enabled": True}, True),
        ({"input": {"a": 1}}, False),
    ],
)
def test_times_that_passed_do_not_count_for_other_due_times(
    client: TestClient, runtime: Runtime, change: dict[str, Any], counts_anew: bool
) -> None:
    cron_id = create(client, enabled="enabled" not in change)["cron_id"]
    crons = Crons(runtime.coordinator)
    before = asyncio.run(crons.get(cron_id))
    assert 200 == client.patch(f"/runs/crons/{cron_id}", json=change).status_code
    after = asyncio.run(crons.get(cron_id))
    assert before is not None
    assert after is not None
    assert counts_anew == (before.cron.from_us < after.cron.from_us)


def test_a_removed_cron_is_gone(client: TestClient, runtime: Runtime) -> None:
    cron_id = create(client)["cron_id"]
    assert 204 == client.delete(f"/runs/crons/{cron_id}").status_code
    assert cron_id in detail_of(client.delete(f"/runs/crons/{cron_id}"), 404)
    assert [] == found(client)
    assert [] == asyncio.run(Crons(runtime.coordinator).all())


def test_crons_are_found_by_what_they_are(client: TestClient) -> None:
    thread_id = client.post("/threads", json={}).json()["thread_id"]
    path = f"/threads/{thread_id}/runs/crons"
    on_thread = client.post(path, json={**DAILY, "metadata": {"a": 1, "b": 2}}).json()
    alone = create(client, metadata={"a": 1})
    assert thread_id == on_thread["thread_id"]
    assert [on_thread] == found(client, thread_id=thread_id)
    assert [alone["cron_id"], on_thread["cron_id"]] == ids(
        found(client, metadata={"a": 1})
    )
    assert [on_thread] == found(client, metadata={"b": 2})
    for name in ("chat", alone["assistant_id"]):
        assert 2 == len(found(client, assistant_id=name))
    assert [] == found(client, assistant_id="other")
    count = client.post("/runs/crons/count", json={"thread_id": thread_id})
    assert 1 == count.json()


def test_crons_are_shown_in_order_and_by_pages(client: TestClient) -> None:
    late = create(client, end_time="2300-01-01T00:00:00Z")["cron_id"]
    early = create(client, end_time="2200-01-01T00:00:00Z")["cron_id"]
    never = create(client)["cron_id"]
    by_end = {"sort_by": "end_time", "sort_order": "asc"}
    assert [early, late, never] == ids(found(client, **by_end))
    assert [late, early, never] == ids(found(client, sort_by="end_time"))
    assert [never, early, late] == ids(found(client))
    answer = client.post("/runs/crons/search", json={"limit": 1, "offset": 1})
    assert [early] == ids(answer.json())
    assert "2" == answer.headers["X-Pagination-Next"]
    (chosen,) = found(client, limit=1, select=["cron_id", "enabled"])
    assert {"cron_id": never, "enabled": True} == chosen


def test_who_is_bound_to_an_owner_sees_that_owners_crons_alone(
    guarded: TestClient,
) -> None:
    mine = create(guarded, ALICE)
    theirs = create(guarded, BOB)
    common = create(guarded, ADMIN)
    assert ("alice", "bob", None) == (
        mine["user_id"],
        theirs["user_id"],
        common["user_id"],
    )
    assert [mine] == found(guarded, ALICE)
    assert 3 == len(found(guarded, ADMIN))
    for cron in (theirs, common):
        path = f"/runs/crons/{cron['cron_id']}"
        for answer in (
            guarded.patch(path, json={"enabled": False}, headers=bearer(ALICE)),
            guarded.delete(path, headers=bearer(ALICE)),
        ):
            assert "There is no cron" in detail_of(answer, 404)
    counted = guarded.post("/runs/crons/count", json={}, headers=bearer(BOB))
    assert 1 == counted.json()


def test_who_may_only_read_starts_nothing(guarded: TestClient) -> None:
    cron = create(guarded, ADMIN)
    headers = bearer(READER)
    assert [cron] == found(guarded, READER)
    path = f"/runs/crons/{cron['cron_id']}"
    for answer in (
        guarded.post("/runs/crons", json=DAILY, headers=headers),
        guarded.patch(path, json={}, headers=headers),
        guarded.delete(path, headers=headers),
    ):
        assert "write" in detail_of(answer, 403)


def test_a_cron_on_somebody_elses_thread_is_refused(guarded: TestClient) -> None:
    made = guarded.post("/threads", json={}, headers=bearer(BOB))
    path = f"/threads/{made.json()['thread_id']}/runs/crons"
    assert 404 == guarded.post(path, json=DAILY, headers=bearer(ALICE)).status_code
    assert 200 == guarded.post(path, json=DAILY, headers=bearer(BOB)).status_code


def test_an_administrator_changes_a_cron_and_leaves_it_its_owners(
    guarded: TestClient,
) -> None:
    path = f"/runs/crons/{create(guarded, ALICE)['cron_id']}"
    changed = guarded.patch(path, json={"input": {}}, headers=bearer(ADMIN))
    assert "alice" == changed.json()["user_id"]
