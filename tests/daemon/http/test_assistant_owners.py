"""Who sees and changes assistants: their owners, and those with the right to write."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import ADMIN, ALICE, BOB, READER, bearer, detail_of
from tests.daemon.http.assistant_support import ID, create
from tests.daemon.http.count_workflow import count
from tests.daemon.http.run_support import fail
from weft.actors import Runtime
from weft.storage import MemoryStore


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    workflows = {"count": count, "answer": fail}
    with Runtime.open(store=MemoryStore(), workflows=workflows) as opened:
        yield opened


def test_an_owner_sees_its_own_and_the_workflows(guarded: TestClient) -> None:
    alice, bob, admin = (bearer(secret) for secret in (ALICE, BOB, ADMIN))
    create(guarded, ALICE, assistant_id=ID, name="of alice")
    path = f"/assistants/{ID}"

    def names(headers: dict[str, str]) -> list[str]:
        asked = {"sort_by": "name", "sort_order": "asc"}
        found = guarded.post("/assistants/search", json=asked, headers=headers).json()
        return [each["name"] for each in found]

    assert ["answer", "count", "of alice"] == names(alice) == names(admin)
    assert ["answer", "count"] == names(bob)
    for answer in (
        guarded.get(path, headers=bob),
        guarded.patch(path, json={"name": "of bob"}, headers=bob),
        guarded.delete(path, headers=bob),
        guarded.post(f"{path}/latest", json={"version": 1}, headers=bob),
        guarded.post(f"{path}/versions", json={}, headers=bob),
        guarded.get(f"{path}/graph", headers=bob),
        guarded.post("/runs", json={"assistant_id": ID}, headers=bob),
    ):
        assert f"no assistant '{ID}'" in detail_of(answer, 404)
    same = {"graph_id": "count", "assistant_id": ID, "if_exists": "do_nothing"}
    answer = guarded.post("/assistants", json=same, headers=bob)
    assert "exists already" in detail_of(answer, 409)
    assert "of alice" == guarded.get(path, headers=alice).json()["name"]
    assert 204 == guarded.delete(path, headers=admin).status_code


def test_to_change_takes_the_right_to_write(guarded: TestClient) -> None:
    made = create(guarded, ADMIN)
    path = f"/assistants/{made['assistant_id']}"
    reader = bearer(READER)
    assert made == guarded.get(path, headers=reader).json()
    for answer in (
        guarded.post("/assistants", json={"graph_id": "count"}, headers=reader),
        guarded.patch(path, json={"name": "x"}, headers=reader),
        guarded.post(f"{path}/latest", json={"version": 1}, headers=reader),
        guarded.delete(path, headers=reader),
    ):
        assert "write" in detail_of(answer, 403)
    assert made == guarded.get(path, headers=reader).json()


def test_who_removes_its_assistant_leaves_the_crons_of_others(
    guarded: TestClient,
) -> None:
    create(guarded, ALICE, assistant_id=ID)
    asked = {"assistant_id": ID, "schedule": "0 0 1 1 *"}
    made = {
        secret: guarded.post("/runs/crons", json=asked, headers=bearer(secret)).json()
        for secret in (ALICE, ADMIN)
    }
    answer = guarded.delete(f"/assistants/{ID}", headers=bearer(ALICE))
    assert 204 == answer.status_code
    left = guarded.post("/runs/crons/search", json={}, headers=bearer(ADMIN)).json()
    assert [made[ADMIN]["cron_id"]] == [cron["cron_id"] for cron in left]
