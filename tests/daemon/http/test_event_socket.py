"""A thread's commands and events in one WebSocket."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.daemon.http.asking import ADMIN, ALICE, BOB, READER, bearer, token_file
from tests.daemon.http.event_support import shown, started
from tests.daemon.http.run_support import Client, begun_anew, serving
from weft.daemon.http.event_places import EventPlace

TIMEOUT_S = 10.0


class Socket:
    """A client of one socket."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._ids = count(1)
        self._events: list[Any] = []

    def next(self) -> Any:
        """Return the next message."""
        return json.loads(self.connection.recv(timeout=TIMEOUT_S))

    def ask(self, method: str, **params: Any) -> Any:
        """Send a command and return its answer; events wait meanwhile."""
        given = {"id": next(self._ids), "method": method, "params": params}
        self.connection.send(json.dumps(given))
        while (message := self.next())["type"] == "event":
            self._events.append(message)
        assert given["id"] == message["id"]
        return message

    def subscribe(self, *channels: str, **given: Any) -> str:
        """Subscribe and return the subscription's id."""
        answer = self.ask("subscription.subscribe", channels=channels, **given)
        found: str = answer["result"]["subscription_id"]
        return found

    def take(self, number: int) -> list[Any]:
        """Return the next events."""
        while len(self._events) < number:
            message = self.next()
            assert "event" == message["type"], message
            self._events.append(message)
        taken, self._events = self._events[:number], self._events[number:]
        return taken

    def closed(self) -> int:
        """Wait for the end and return why."""
        with pytest.raises(ConnectionClosed) as caught:
            self._read_on()
        assert caught.value.rcvd is not None
        return caught.value.rcvd.code

    def _read_on(self) -> None:
        while True:
            self.next()


@contextmanager
def socket(client: Client, thread_id: str = "t", **headers: str) -> Generator[Socket]:
    """Open a socket for the time of a with block."""
    path = f"/threads/{thread_id}/stream/events"
    url = str(client.base_url.copy_with(scheme="ws", path=path))
    origin: Any = headers.pop("Origin", None)
    with connect(url, origin=origin, additional_headers=headers) as connection:
        yield Socket(connection)


client = pytest.fixture(begun_anew)


def test_a_run_is_started_and_told_in_one_socket(client: Client) -> None:
    with socket(client) as opened:
        opened.subscribe("lifecycle", "values")
        answer = opened.ask("run.start", assistant_id="count", input={"by": 2})
        run_id = answer["result"]["run_id"]
        told = opened.take(4)
        assert ["running", 1, 2, "completed"] == [
            data if isinstance(data, str) else data["n"] for _, data in map(shown, told)
        ]
        assert run_id in told[0]["event_id"]


def test_a_subscription_may_come_before_its_thread(client: Client) -> None:
    with socket(client, "later") as opened:
        opened.subscribe("lifecycle")
        assert "success" == opened.ask("run.start", assistant_id="count")["type"]
        assert ["running", "completed"] == [shown(each)[1] for each in opened.take(2)]
    client.delete("/threads/later").raise_for_status()


def test_a_later_subscription_hears_what_was_before(client: Client) -> None:
    started(client)
    with socket(client) as opened:
        opened.subscribe("lifecycle")
        assert ["running", "completed"] == [shown(each)[1] for each in opened.take(2)]
        opened.subscribe("values")
        assert [1, 2, 3] == [shown(each)[1]["n"] for each in opened.take(3)]


def test_subscriptions_that_come_together_are_told_in_one_order(
    client: Client,
) -> None:
    started(client)
    with socket(client) as opened:
        opened.subscribe("lifecycle")
        opened.subscribe("values", "lifecycle")
        assert ["lifecycle", "values", "values", "values", "lifecycle"] == [
            each["method"] for each in opened.take(5)
        ]


def test_it_goes_on_behind_a_number(client: Client) -> None:
    started(client)
    with socket(client) as opened:
        opened.subscribe("values")
        told = opened.take(3)
    with socket(client) as opened:
        opened.subscribe("values", since=told[1]["seq"])
        assert told[2:] == opened.take(1)


def test_a_subscription_ends_when_asked_to(client: Client) -> None:
    with socket(client) as opened:
        ended, kept = opened.subscribe("values"), opened.subscribe("lifecycle")
        assert ended != kept
        answer = opened.ask("subscription.unsubscribe", subscription_id=ended)
        assert {} == answer["result"]
        again = opened.ask("subscription.unsubscribe", subscription_id=ended)
        assert "no_such_subscription" == again["error"]
        started(client)
        assert ["running", "completed"] == [shown(each)[1] for each in opened.take(2)]


def test_what_is_no_command_is_refused_and_the_socket_stays(client: Client) -> None:
    with socket(client) as opened:
        for wrong in (
            "no json",
            b"no text",
            "[]",
            '{"id": 1}',
            '{"channels": ["values"]}',
        ):
            opened.connection.send(wrong)
            answer = opened.next()
            assert ("error", None, "invalid_argument") == (
                answer["type"],
                answer["id"],
                answer["error"],
            )
        answer = opened.ask("subscription.subscribe", channels=["all"])
        assert "invalid_argument" == answer["error"]
        assert "unknown_command" == opened.ask("run.stop")["error"]


def test_a_socket_has_so_many_subscriptions(client: Client) -> None:
    with socket(client) as opened:
        for _ in range(64):
            opened.subscribe("values")
        answer = opened.ask("subscription.subscribe", channels=["values"])
        assert "64" in answer["message"]


def test_a_message_that_is_too_long_ends_it() -> None:
    with serving(body_size_bytes_max=1000) as client, socket(client) as opened:
        opened.connection.send("x" * 1001)
        assert 1009 == opened.closed()


def test_a_slow_client_is_behind_in_the_store() -> None:
    text, states = "x" * 100_000, 300  # of which the sockets hold a third

    def talk(_context: Any, _config: Any) -> Iterator[Any]:
        for n in range(states):
            yield {"n": n, "text": text}

    with serving({"talk": talk}) as client, socket(client) as opened:
        opened.subscribe("values")
        run_id = started(client, "talk")
        client.get(f"/threads/t/runs/{run_id}/join").raise_for_status()
        sent = _sent_to(client)
        assert sent < states // 2, "what a client has not read is held for it"
        told = [shown(each)[1]["n"] for each in opened.take(states)]
        assert [*range(states)] == told


def _sent_to(client: Client) -> int:
    """Return how many values of the only run the only open socket was sent."""
    (opened,) = client.app.site.streams._open
    (wanted,) = opened._pump._wanted.values()
    return EventPlace.of(wanted.since or 0).step


def test_it_ends_with_the_thread(client: Client) -> None:
    with socket(client) as opened:
        opened.subscribe("values")
        started(client, input={"by": 1})
        opened.take(1)
        client.delete("/threads/t").raise_for_status()
        assert 4404 == opened.closed()
    client.post("/threads", json={"thread_id": "t"}).raise_for_status()


def test_a_daemon_that_stops_has_its_clients_come_again() -> None:
    with serving() as client, socket(client) as opened:
        opened.subscribe("values")
        client.server.stop()
        assert 1012 == opened.closed()


def test_pages_of_other_origins_may_not_open_one(client: Client) -> None:
    own = f"http://{client.base_url.netloc.decode()}"
    with socket(client, Origin=own) as opened:
        assert opened.subscribe("values")
    with pytest.raises(InvalidStatus) as caught, socket(client, Origin="http://evil"):
        pass
    assert 403 == caught.value.response.status_code
    assert b"cors_origins" in (caught.value.response.body or b"")


def test_a_token_is_needed_and_its_owner_sees_only_their_own(tmp_path: Path) -> None:
    with serving(tokens=token_file(tmp_path)) as client:
        alice, bob, reader = bearer(ALICE), bearer(BOB), bearer(READER)
        client.post("/threads", json={"thread_id": "t"}, headers=alice)
        with pytest.raises(InvalidStatus) as caught, socket(client):
            pass
        assert 401 == caught.value.response.status_code
        with socket(client, **alice) as mine, socket(client, **bob) as theirs:
            theirs.subscribe("lifecycle")
            mine.subscribe("lifecycle")
            assert "error" == theirs.ask("run.start", assistant_id="count")["type"]
            assert "success" == mine.ask("run.start", assistant_id="count")["type"]
            assert "running" == shown(mine.take(1)[0])[1]
            with pytest.raises(TimeoutError):
                theirs.connection.recv(timeout=0.2)
        with socket(client, **reader) as opened:
            refused = opened.ask("run.start", assistant_id="count")
            assert "permission_denied" == refused["error"]
            opened.subscribe("lifecycle")
            assert "running" == shown(opened.take(1)[0])[1]


def test_each_message_counts_as_a_request(tmp_path: Path) -> None:
    tokens = token_file(tmp_path)
    with (
        serving(tokens=tokens, requests_per_s=0.001, requests_burst=3) as client,
        socket(client, **bearer(ADMIN)) as opened,
    ):
        opened.subscribe("values")
        opened.subscribe("values")
        opened.connection.send('{"id": 3, "method": "agent.getTree"}')
        assert "too many" in opened.next()["message"]
