"""A client's connection: closed, forked, crowded, or to a daemon that hangs."""

import multiprocessing
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors.support import LONG_S, answer, failure
from tests.daemon.client.conftest import Behind
from weft.actors import Future
from weft.daemon.client import Client, DaemonUnreachable, connect
from weft.daemon.client.connection import ASKED_AT_ONCE_MAX
from weft.storage import DeadlineExceeded, InvalidArgument, StoreClosed


class Mute:
    """A daemon that takes connections, and says nothing."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._taken: list[socket.socket] = []
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def take(self, number: int) -> None:
        """Take so many connections, which come."""
        self._listener.settimeout(LONG_S)
        self._taken += [self._listener.accept()[0] for _ in range(number)]

    def is_left_alone(self) -> bool:
        """Return whether no more come for a while."""
        self._listener.settimeout(0.1)
        try:
            self._taken.append(self._listener.accept()[0])
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        for each in (self._listener, *self._taken):
            each.close()


@pytest.fixture
def mute() -> Iterator[Mute]:
    made = Mute()
    yield made
    made.close()


@pytest.fixture
def client(mute: Mute) -> Iterator[Client]:
    with connect(mute.place) as made:
        made._connection.grace_s = 0.05
        yield made


def test_many_who_ask_at_once_share_some_connections(
    mute: Mute, client: Client
) -> None:
    asked = [client.session("s").get() for _ in range(3 * ASKED_AT_ONCE_MAX)]
    mute.take(ASKED_AT_ONCE_MAX)
    assert mute.is_left_alone()
    client.close()
    assert {StoreClosed} == {type(failure(each)) for each in asked}


def test_many_who_ask_at_once_are_all_answered(runtime: Behind) -> None:
    asked = [runtime.session(f"s{n}").open() for n in range(3 * ASKED_AT_ONCE_MAX)]
    assert {"open"} == {answer(each).status for each in asked}


def test_waiting_for_ones_turn_counts_towards_the_deadline(client: Client) -> None:
    crowd = [client.session("s").get() for _ in range(ASKED_AT_ONCE_MAX)]
    error = failure(client.session("s").open(op_id="op-1", timeout_s=0.05))
    assert (DeadlineExceeded, "op-1") == (type(error), error.op_id)
    assert not any(each.done() for each in crowd)


def test_a_run_at_a_daemon_that_hangs_is_given_up_at_its_deadline(
    client: Client,
) -> None:
    error = failure(client.thread("t").run(op_id="op-1", timeout_s=0.05))
    assert (DeadlineExceeded, "op-1") == (type(error), error.op_id)


def test_who_asks_while_a_client_is_closed_is_answered(mute: Mute) -> None:
    """A request that has just been handed over when the end begins is told of it."""
    with connect(mute.place) as client:
        at_work, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            at_work.set()
            assert go_on.wait(LONG_S)

        client._connection.loop.call_soon_threadsafe(hold)
        assert at_work.wait(LONG_S)
        before = client.session("s").get()
        closing = threading.Thread(target=client.close)
        closing.start()
        while not client.closed:
            pass
        after = client.session("s").get()
        go_on.set()
        closing.join(LONG_S)
    assert {StoreClosed} == {type(failure(each)) for each in (before, after)}


def test_a_client_may_be_closed_in_a_callback_of_an_answer(runtime: Behind) -> None:
    client = connect(runtime.client._connection.place)
    failed: Future[BaseException | None] = Future()

    def close(_: Any) -> None:
        try:
            client.close()
            failed.set(None)
        except TimeoutError as error:
            failed.set(error)

    client.session("s").open().add_done_callback(close)
    assert answer(failed) is None
    client._connection._os_thread.join(LONG_S)
    assert not client._connection._os_thread.is_alive()
    assert client._connection.loop.is_closed()


@pytest.mark.parametrize("token", ["", "secret\n", "a secret", "sécret", "a\x00b"])
def test_what_cannot_be_a_token_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(InvalidArgument, match="A token has") as told:
        connect("127.0.0.1:1", token)
    assert "cret" not in str(told.value)


def test_why_nobody_answers_is_told_in_the_systems_words() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    place = f"127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    with connect(place) as client:
        error = failure(client.session("s").get())
    assert DaemonUnreachable is type(error)
    assert "Connection refused" in str(error)


def test_a_forked_child_is_told_that_the_client_is_its_parents(
    mute: Mute, client: Client
) -> None:
    said = multiprocessing.get_context("fork").SimpleQueue()

    def ask() -> None:
        error = failure(client.session("s").get())
        client.close()
        said.put((type(error).__name__, str(error)))

    child = multiprocessing.get_context("fork").Process(target=ask)
    child.start()
    child.join(LONG_S)
    assert 0 == child.exitcode
    name, words = said.get()
    assert "StoreClosed" == name
    assert "forked" in words
    assert not client.closed
    client.session("s").get()
    mute.take(1)
