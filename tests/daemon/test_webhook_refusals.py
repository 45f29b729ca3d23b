"""Webhooks that are refused: for where they lead, or for want of room."""

from pathlib import Path

import pytest

from tests.daemon.http.run_support import serving
from tests.daemon.receiver import Receiver
from tests.daemon.telling import telling
from weft.daemon import webhooks as room


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://169.254.169.254/latest/meta-data/", "not public"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
        ("https://0x7f000001/", "neither a name nor an address"),
        ("ftp://example.com/", "must begin with"),
        ("https://user:secret@example.com/", "user or a password"),
        ("", "ASCII"),
    ],
)
def test_a_url_that_leads_astray_is_refused_before_the_run_starts(
    url: str, words: str
) -> None:
    body = {"assistant_id": "count", "webhook": url}
    with telling() as client:
        answer = client.post("/threads/t/runs", json=body)
        runs = client.get("/threads/t/runs").raise_for_status().json()
    assert (422, "$.webhook") == (
        answer.status_code,
        answer.json()["faults"][0]["path"],
    )
    assert words in answer.json()["detail"]
    assert "secret" not in answer.text
    assert [] == runs


def test_a_name_that_leads_astray_is_told_nothing(receiver: Receiver) -> None:
    with telling(allow_networks=()) as client:
        client.start(receiver.url)
        numbers = client.settled()
    assert receiver.is_quiet
    assert 1 == numbers['weft_webhook_requests_total{outcome="forbidden"}']
    assert 1 == numbers["weft_webhooks_abandoned_total"]


def test_a_daemon_that_sends_none_says_so() -> None:
    with serving() as client:
        body = {"assistant_id": "count", "webhook": "https://example.com/"}
        answer = client.post("/threads/t/runs", json=body)
        runs = client.get("/threads/t/runs").raise_for_status().json()
    assert [] == runs
    assert 501 == answer.status_code
    assert "webhooks.enabled" in answer.json()["detail"]


def test_there_is_a_limit_to_what_is_to_be_told(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WAITING_MAX", 1)
    with telling() as client:
        run = client.start(receiver.url, "linger")
        body = {"assistant_id": "count", "webhook": receiver.url}
        answer = client.post("/runs", json=body)
        client.post(f"/threads/t/runs/{run['run_id']}/cancel").raise_for_status()
        assert 503 == answer.status_code
        assert "5" == answer.headers["retry-after"]


def test_where_it_cannot_be_written_down_the_client_learns_of_it(
    tmp_path: Path, receiver: Receiver
) -> None:
    outbox = tmp_path / "outbox"
    with telling(outbox) as client:
        outbox.write_text("no directory")
        body = {"assistant_id": "count", "webhook": receiver.url}
        answer = client.post("/threads/t/runs", json=body)
        runs = client.get("/threads/t/runs").raise_for_status().json()
    assert [] == runs
    assert 503 == answer.status_code
    assert "could not be written down" in answer.json()["detail"]
