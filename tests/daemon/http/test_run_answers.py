"""Answers that come when a run has ended."""

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.daemon.http.run_support import TIMEOUT_S, Client, begun_anew, serving

RUNS = "/threads/t/runs"


@pytest.fixture(scope="module")
def served() -> Iterator[Client]:
    with serving(heartbeat_s=0.02) as opened:
        yield opened


client = pytest.fixture(begun_anew)


def test_headers_come_at_once_and_line_breaks_until_the_end(client: Client) -> None:
    body = {"assistant_id": "walk"}
    with client.stream("POST", f"{RUNS}/wait", json=body) as answer:
        assert answer.headers["location"].endswith("/join")
        parts = answer.iter_raw()
        assert b"\n" == next(parts)
        client.gate.open(3)
        assert b'{"n":3}' == b"".join(parts).strip()


@pytest.mark.parametrize("how", ["cancel", "continue"])
def test_when_its_client_has_gone_a_run_does_as_it_was_told(
    client: Client, how: str
) -> None:
    body = {"assistant_id": "linger", "on_disconnect": how}
    with client.stream("POST", f"{RUNS}/wait", json=body) as answer:
        path = answer.headers["content-location"]
    if how == "continue":
        assert "running" == client.get(path).json()["status"]
        client.post(f"{path}/cancel").raise_for_status()
    client.get(f"{path}/join")
    assert "interrupted" == client.get(path).json()["status"]


def test_who_joins_may_have_the_run_cancelled_by_going(client: Client) -> None:
    made = client.post(RUNS, json={"assistant_id": "linger"})
    path = made.headers["content-location"]
    with client.stream("GET", f"{path}/join?cancel_on_disconnect=1"):
        pass
    client.get(f"{path}/join")
    assert "interrupted" == client.get(path).json()["status"]


def test_a_run_whose_thread_is_removed_is_answered(client: Client) -> None:
    body = {"assistant_id": "linger"}
    with client.stream("POST", f"{RUNS}/wait", json=body) as answer:
        client.runtime.coordinator.remove_thread("t", "cancel").get(timeout=TIMEOUT_S)
        answer.read()
        assert "__error__" in answer.json()


def test_a_daemon_that_stops_cuts_what_it_cannot_answer() -> None:
    with serving() as client:
        parts = urlsplit(str(client.base_url))
        connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
        made = client.post(RUNS, json={"assistant_id": "walk"})
        path = made.headers["content-location"]
        connection.request("GET", f"{path}/join")
        answer = connection.getresponse()
        client.runtime.hurry()
        client.gate.reached()
        client.runtime.close(0.0)
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        connection.close()
