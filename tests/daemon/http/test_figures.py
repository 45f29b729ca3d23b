"""What the daemon does, in figures."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import ALICE, READER, bearer, detail_of
from weft.actors import Runtime, ThreadSpec

PATHS = ("/figures", "/alerts", "/figures/actors", "/figures/store")


def look(client: TestClient, after: int = -1) -> Any:
    client.app.site.history.interval_s = 0.0  # type: ignore[attr-defined]
    return client.get(f"/figures?after={after}").raise_for_status().json()


def test_what_was_done_is_in_the_samples(client: TestClient, runtime: Runtime) -> None:
    first = look(client)
    assert (0, []) == (first["number"], first["samples"])
    coordinator = runtime.coordinator
    coordinator.create_session("a").get(timeout=5)
    coordinator.coordinate_threads("a", [ThreadSpec("n")]).get(timeout=5)
    assert 409 == client.post("/sessions", json={"session_id": "a"}).status_code
    (sample,) = look(client)["samples"]
    assert (2, 1, 0) == (sample["applied"], sample["refused"], sample["failed"])
    assert 3 == sum(sample["durations"]) == sample["grouped"]
    assert len(look(client)["bounds_s"]) == len(sample["durations"])


def test_the_present_is_what_there_is(client: TestClient, runtime: Runtime) -> None:
    runtime.session("a").create_thread("n").get(timeout=5)
    assert 200 == client.post("/check").status_code
    present = look(client)["present"]
    assert ({"open": 1}, {"idle": 1}, 1) == (
        {k: n for k, n in present["sessions"].items() if n},
        {k: n for k, n in present["threads"].items() if n},
        present["checks"],
    )
    assert (0, False) == (present["inconsistencies"], present["read_only"])
    assert present["last_clean_check"] is not None


def test_who_has_seen_some_samples_gets_the_rest(client: TestClient) -> None:
    for _ in range(3):
        look(client)
    assert [1, 2, 3] == [sample["number"] for sample in look(client)["samples"]]
    rest = look(client, after=2)
    assert [3, 4] == [sample["number"] for sample in rest["samples"]]


def test_there_are_no_alerts_but_many_are_watched(client: TestClient) -> None:
    assert 200 == client.post("/check").status_code
    assert {"alerts": [], "watched": 17} == client.get("/alerts").json()


@pytest.mark.parametrize("path", PATHS)
def test_a_token_bound_to_one_owner_does_not_see_everybodys(
    guarded: TestClient, path: str
) -> None:
    assert 200 == guarded.get(path, headers=bearer(READER)).status_code
    answer = guarded.get(path, headers=bearer(ALICE))
    assert "everybody" in detail_of(answer, 403)
    detail_of(guarded.get(path), 401)


@pytest.mark.parametrize("path", PATHS)
def test_a_closed_runtime_has_no_figures(
    client: TestClient, runtime: Runtime, path: str
) -> None:
    runtime.close()
    assert "closed" in detail_of(client.get(path), 503)
