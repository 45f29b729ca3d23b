"""What others do not learn of a webhook: its URL, and the runs of other owners."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.http.asking import ADMIN, ALICE, BOB, bearer, token_file
from tests.daemon.http.run_support import TIMEOUT_S
from tests.daemon.receiver import Answer, Receiver
from tests.daemon.telling import TellingClient, telling


def test_nobody_sees_the_url_of_a_webhook(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither who reads the run, nor who reads the log, nor the file of another."""
    gate = threading.Event()
    receiver.answers.put(Answer(500, gate=gate))
    with caplog.at_level(logging.DEBUG), telling(tmp_path) as client:
        run = client.start(receiver.url)
        (noted,) = tmp_path.iterdir()
        assert 0o600 == noted.stat().st_mode & 0o777
        receiver.next()
        gate.set()
        receiver.next()
        client.settled()
        run_id = run["run_id"]
        paths = [
            f"/threads/t/runs/{run_id}",
            f"/executions/{run_id}",
            "/threads/t",
            "/operations",
            "/metrics",
        ]
        pages = [client.get(path).raise_for_status().text for path in paths]
    lines = [r.getMessage() for r in caplog.records if r.name == "weft.webhooks"]
    assert 2 == len(lines)
    assert "refused, status 500" in lines[0]
    assert "told localhost" in lines[1]
    for text in (*pages, caplog.text):
        assert "very-secret" not in text
        assert "/hook" not in text


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[TellingClient]:
    """Return a client of a server that wants tokens; Alice has a thread ``hers``."""
    with telling(tokens=token_file(tmp_path)) as client:
        body = {"thread_id": "hers"}
        client.post("/threads", json=body, headers=bearer(ALICE)).raise_for_status()
        yield client


def test_an_owner_is_told_of_their_own_runs_only(
    guarded: TellingClient, receiver: Receiver
) -> None:
    body = {"assistant_id": "count", "webhook": receiver.url}
    path = "/threads/hers/runs"
    assert 404 == guarded.post(path, json=body, headers=bearer(BOB)).status_code
    assert 200 == guarded.post(path, json=body, headers=bearer(ALICE)).status_code
    assert "hers" == receiver.next().told["thread_id"]
    guarded.settled(ADMIN)
    assert receiver.is_quiet


def test_an_owner_is_not_told_of_what_has_moved_to_somebody_else(
    guarded: TellingClient, receiver: Receiver
) -> None:
    runtime = guarded.runtime
    body = {"assistant_id": "linger", "webhook": receiver.url}
    asked = guarded.post("/threads/hers/runs", json=body, headers=bearer(ALICE))
    run_id = asked.raise_for_status().json()["run_id"]
    bobs = runtime.coordinator.create_session("bobs", user_id="bob")
    bobs.get(timeout=TIMEOUT_S)
    moved = runtime.thread("hers").transfer_to("bobs", if_running="move")
    moved.get(timeout=TIMEOUT_S)
    runtime.coordinator.cancel_run(run_id).get(timeout=TIMEOUT_S)
    numbers = guarded.settled(ADMIN)
    assert receiver.is_quiet
    assert 0 == numbers["weft_webhook_request_duration_seconds_count"]
