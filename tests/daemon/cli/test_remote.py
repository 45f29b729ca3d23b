"""Whom a command asks, and what becomes of the failures it is told."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.daemon.child import DEADLINE_S
from tests.daemon.cli.conftest import SECRET, Daemon, Weft
from weft.daemon.meeting_place import default_socket
from weft.daemon.remote import NoDaemon, Remote, RemoteProblem
from weft.daemon.target import Target
from weft.daemon.wire import path_of
from weft.storage import DeadlineExceeded, NameTaken, SessionNotFound


def test_an_error_arrives_as_the_class_it_was(served: Daemon) -> None:
    with Remote(served.socket) as remote:
        with pytest.raises(SessionNotFound) as told:
            remote.ask("GET", path_of("sessions", "nobody"))
        assert "nobody" == told.value.session_id
        assert 1 == str(told.value).count(SessionNotFound.remedy)
        body = {"threads": [{"name": "a"}], "create_session": True}
        path = path_of("sessions", "remote", "threads")
        remote.ask("POST", path, body)
        with pytest.raises(NameTaken) as refused:
            remote.ask("POST", path, body, op_id="my-key")
        assert ("remote", "my-key") == (refused.value.session_id, refused.value.op_id)


def test_what_has_no_class_is_a_problem_with_its_detail(served: Daemon) -> None:
    with Remote(served.url) as remote:
        with pytest.raises(RemoteProblem) as told:
            remote.ask("GET", "/nothing-there")
        assert (404, 66) == (told.value.status, told.value.exit_code)
        assert "/openapi.json" in str(told.value)
        with pytest.raises(RemoteProblem) as wrong:
            remote.ask("POST", "/sessions", {"sesion_id": "x"})
        assert (422, 64) == (wrong.value.status, wrong.value.exit_code)


def test_a_repeated_key_is_one_effect(served: Daemon) -> None:
    with Remote(served.socket) as remote:
        made = [
            remote.ask("POST", "/sessions", {"user_id": "u"}, op_id="same")
            for _ in range(2)
        ]
    assert made[0] == made[1]


def test_events_come_with_ids_to_go_on_behind(served: Daemon) -> None:
    with Remote(served.socket) as remote:
        remote.ask("POST", "/sessions", {"session_id": "evented"})
        query = {"session_id": "evented", "after_seq": 0}
        events = remote.events("GET", "/events", query=query)
        position, created = next(events), next(events)
        events.close()
    assert ("position", "0") == (position.event, position.id)
    assert ("operation", ["evented"]) == (created.event, created.data["session_ids"])


@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:9", "unix:///nowhere/weft.sock", "127.0.0.1:9"]
)
def test_nobody_there_says_where_and_what_to_do(place: str) -> None:
    with Remote(place) as remote, pytest.raises(NoDaemon) as told:
        remote.ask("GET", "/livez")
    assert place in str(told.value)
    assert "start one with `weft serve`" in str(told.value)


@contextmanager
def answering(said: bytes, *, hang_up: bool) -> Iterator[str]:
    """Say something to whoever asks, then nothing more, or hang up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        told: list[socket.socket] = []

        def answer() -> None:
            connection, _ = listener.accept()
            told.append(connection)
            connection.recv(65536)
            connection.sendall(said)
            if hang_up:
                connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://{host}:{port}"
        thread.join(DEADLINE_S)
        for connection in told:
            connection.close()


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
HALF = HEAD + b"content-length: 100\r\n\r\n{"


@pytest.mark.parametrize("said", [b"", HALF])
def test_an_answer_that_does_not_come_is_a_deadline(said: bytes) -> None:
    with (
        answering(said, hang_up=False) as url,
        Remote(url, timeout_s=0.2) as remote,
        pytest.raises(DeadlineExceeded),
    ):
        remote.ask("GET", "/sessions")


@pytest.mark.parametrize("said", [b"", HALF])
def test_a_daemon_that_hangs_up_is_told(said: bytes) -> None:
    with (
        answering(said, hang_up=True) as url,
        Remote(url) as remote,
        pytest.raises(NoDaemon),
    ):
        remote.ask("GET", "/sessions")


def test_a_command_without_a_daemon_ends_with_69(weft: Weft) -> None:
    said = weft("status", "--url", "http://127.0.0.1:9")
    assert (69, "") == (said.code, said.out)
    assert said.err.startswith(
        "weft: no daemon at http://127.0.0.1:9 (Connection refused); start one with"
    )


def test_url_or_socket_and_a_directory_only_to_read(served: Daemon, weft: Weft) -> None:
    both = weft("status", "--url", served.url, "--socket", served.socket)
    assert 2 == both.code
    assert 2 == weft("sessions", "create", "x", "--data", served.data).code
    assert 0 == weft("sessions", "ls", "--url", served.url).code


def test_an_address_that_is_typed_comes_before_the_environment(
    served: Daemon, weft: Weft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_HTTP__SOCKET", "/nowhere.sock")
    assert 0 == weft("sessions", "ls", "--url", served.url).code
    monkeypatch.setenv("WEFT_URL", "http://127.0.0.1:9")
    assert 0 == weft("sessions", "ls", "--socket", served.socket).code
    monkeypatch.setenv("WEFT_URL", served.url)
    assert 0 == weft("sessions", "ls").code


def test_the_default_socket_is_used_where_somebody_answers(served: Daemon) -> None:
    assert "http://127.0.0.1:8123" == Target().remote().place
    place = default_socket()
    place.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
    assert "http://127.0.0.1:8123" == Target().remote().place
    place.unlink()
    place.symlink_to(served.socket)
    with Target().remote() as remote:
        assert {"status": "alive"} == remote.ask("GET", "/livez")


def test_a_token_comes_from_a_file_or_the_environment(
    guarded: Daemon, weft: Weft, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("sessions", "ls", "--url", guarded.url)
    bare = weft(*asked)
    assert 77 == bare.code
    assert "--token-file" in bare.err
    file = guarded.data.parent / "token"
    file.write_text(f"{SECRET}\n")
    assert 0 == weft(*asked, "--token-file", file).code
    file.write_text(f"# secret, then what it may do\n{SECRET} name=me\n")
    assert 0 == weft(*asked, "--token-file", file).code
    for given in (SECRET, f"{SECRET}\n"):
        monkeypatch.setenv("WEFT_TOKEN", given)
        assert 0 == weft(*asked).code


def test_what_cannot_be_a_token_is_refused_and_not_shown(
    guarded: Daemon, weft: Weft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_TOKEN", "sécret")
    told = weft("sessions", "ls", "--url", guarded.url)
    assert (2, "") == (told.code, told.out)
    assert "WEFT_TOKEN holds no token" in told.err
    assert "cret" not in told.err
