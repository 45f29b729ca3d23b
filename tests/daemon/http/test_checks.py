"""Checks and repairs over HTTP, with their progress if it is wanted."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import client_of, detail_of
from tests.storage.planting import plant
from weft.actors import Runtime
from weft.storage import MemoryStore

STREAM = {"accept": "text/event-stream"}


@pytest.fixture
def damaged() -> Iterator[TestClient]:
    """Return a client of a store in which a session has lost a thread's name."""
    store = MemoryStore()
    with Runtime.open(store=store) as runtime:
        runtime.session("a").create_thread("n", thread_id="t").get(timeout=5)
        plant(store, ["removed_list_entry"])
        with client_of(runtime) as client:
            yield client


def events_of(text: str) -> list[tuple[str, Any]]:
    found = []
    for block in text.split("\r\n\r\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\r\n") if line)
        if lines:
            found.append((lines["event"], msgspec.json.decode(lines["data"])))
    return found


def test_a_sound_store_is_told_to_be_so(client: TestClient, runtime: Runtime) -> None:
    runtime.session("a").create_thread("n").get(timeout=5)
    report = client.post("/check").json()
    assert (True, [], 1, 1) == tuple(
        report[name] for name in ("clean", "inconsistencies", "sessions", "threads")
    )
    one = client.post("/check", json={"session_id": "a"}).json()
    assert (True, 1) == (one["clean"], one["threads"])


@pytest.mark.parametrize("body", [{}, {"session_id": "a"}])
def test_what_is_wrong_is_told_and_mended(
    damaged: TestClient, body: dict[str, str]
) -> None:
    (finding,) = damaged.post("/check").json()["inconsistencies"]
    assert ("missing_thread", "t") == (finding["kind"], finding["thread_id"])
    rehearsed = damaged.post("/repair", json=body | {"dry_run": True}).json()
    assert (True, 1) == (rehearsed["dry_run"], len(rehearsed["issues_found"]))
    mended = damaged.post("/repair", json=body).json()
    assert (True, 1) == (mended["clean"], mended["repairs_successful"])
    assert damaged.post("/check").json()["clean"]


@pytest.mark.parametrize("path", ["/check", "/repair"])
def test_progress_comes_before_the_report(damaged: TestClient, path: str) -> None:
    answer = damaged.post(path, json={}, headers=STREAM)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *progress, report = events_of(answer.text)
    assert {"progress"} == {event for event, _ in progress}
    assert ("report", path == "/repair") == (report[0], report[1]["clean"])


@pytest.mark.parametrize("path", ["/check", "/repair"])
def test_a_session_that_is_not_there_is_not_found(
    client: TestClient, path: str
) -> None:
    answer = client.post(path, json={"session_id": "none"})
    assert "does not exist" in detail_of(answer, 404)


def test_one_check_of_the_whole_store_at_a_time(client: TestClient) -> None:
    client.app.site.checking = True  # type: ignore[attr-defined]
    answer = client.post("/check")
    assert "in progress" in detail_of(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    client.app.site.checking = False  # type: ignore[attr-defined]
    assert 200 == client.post("/check").status_code
    assert 200 == client.post("/check").status_code


def test_the_last_checks_are_listed_with_what_the_last_one_found(
    damaged: TestClient,
) -> None:
    assert {"checks": [], "findings": [], "more": 0} == damaged.get("/checks").json()
    damaged.post("/check")
    damaged.post("/check", json={"session_id": "a"})  # says nothing of the rest
    listed = damaged.get("/checks").json()
    assert [{"missing_thread": 1}] == [one["found"] for one in listed["checks"]]
    assert ["missing_thread"] == [one["kind"] for one in listed["findings"]]
    damaged.post("/repair")
    listed = damaged.get("/checks").json()
    assert ({}, []) == (listed["checks"][-1]["found"], listed["findings"])


def test_findings_beyond_a_thousand_are_counted(
    damaged: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.daemon.http.checks.FINDINGS_MAX", 0)
    damaged.post("/check")
    listed = damaged.get("/checks").json()
    assert ([], 1) == (listed["findings"], listed["more"])
