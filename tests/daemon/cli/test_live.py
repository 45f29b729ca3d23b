"""Commands beside a daemon while it works, and ids that a shell completes from it."""

import io
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from select import select
from typing import Any

import msgspec
import pytest

from tests.daemon.child import DEADLINE_S, first_line
from tests.daemon.child import weft as child
from tests.daemon.cli.conftest import APP, Daemon, Weft
from tests.daemon.cli.terminal import terminal
from weft.daemon.main import run
from weft.daemon.remote import Remote
from weft.daemon.wire import path_of


def thread_in(weft: Weft, session_id: str, name: str) -> str:
    """Create a thread and return its id."""
    made = ("threads", "create", name, "--session", session_id, "--create")
    done = weft(*made, "--workflow", "count", "-o", "json")
    assert 0 == done.code, done.err
    thread_id: str = done.json[0]["thread_id"]
    return thread_id


def test_a_thread_is_watched_through_its_runs(daemon: Daemon, weft: Weft) -> None:
    thread_id = thread_in(weft, "watched", "x")
    with child("watch", thread_id, "--url", daemon.url) as watching:
        seen = run_until_seen(weft, watching, thread_id, daemon.socket)
    assert ["counted"] == list(seen["data"])


def test_watching_goes_on_behind_an_event(daemon: Daemon, weft: Weft) -> None:
    thread_id = thread_in(weft, "watched-again", "x")
    with Remote(daemon.socket) as remote:
        body = {"assistant_id": "count", "input": {"to": 3}, "stream_resumable": True}
        path = path_of("threads", thread_id, "runs", "stream")
        first, *others, _end = [each.id for each in remote.events("POST", path, body)]
    rest = weft("watch", thread_id, "--after", first, "--times", len(others))
    assert others == [each["id"] for each in rest.lines]


def test_nobody_can_be_watched_who_is_not_there(daemon: Daemon, weft: Weft) -> None:
    assert daemon
    done = weft("watch", "no-such-thread")
    assert (66, "") == (done.code, done.out)
    assert "does not exist" in done.err


@pytest.mark.parametrize("options", [(), ("--durable", "--session", "timed")])
def test_answers_are_timed(
    options: tuple[str, ...], daemon: Daemon, weft: Weft
) -> None:
    assert daemon
    done = weft("latency", "--count", 30, "-o", "jsonl", *options)
    assert 0 == done.code, done.err
    figures = done.lines[-1]
    assert ("all", 30) == (figures["what"], figures["count"])
    names = ("min_ms", "p50_ms", "p99_ms", "max_ms")
    times = [figures[name] for name in names]
    assert sorted(times) == times
    assert times[0] > 0


def test_a_durable_write_is_durable(daemon: Daemon, weft: Weft) -> None:
    assert daemon
    assert 0 == weft("latency", "--count", 3, "--durable", "--session", "kept").code
    log = weft("ops", "--session", "kept", "-o", "json").json
    assert 4 == sum(each["kind"] == "TrackInteraction" for each in log)


def test_a_durable_write_wants_a_session(daemon: Daemon, weft: Weft) -> None:
    assert daemon
    done = weft("latency", "--durable")
    assert 2 == done.code
    assert "--session" in done.err


def test_a_shell_has_the_daemon_at_hand(
    daemon: Daemon,
    weft: Weft,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert daemon
    words = """
weft.session("shelled").create_thread("notes").get(timeout=9)
threads = weft.session("shelled").threads().get(timeout=9)
print([thread.thread_name for thread in threads])
print(CreateSession.__name__)
"""
    monkeypatch.setattr(sys, "stdin", io.StringIO(words))
    assert (0, "['notes']\nCreateSession\n") == weft("shell")[:2]


def test_a_shell_on_a_terminal_greets_and_ends_with_its_input(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    with terminal(monkeypatch) as shown:
        shown.type("weft.session('typed').open().get(timeout=9).session_id\n\x04")
        assert 0 == run(["shell", "--url", daemon.url])
    assert f"weft is the daemon at {daemon.url}." in shown.lines
    assert "'typed'" in shown.shown.split("session_id", 1)[1]


def offered(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """Return what bash is offered for the last word."""
    monkeypatch.setenv("_WEFT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    capsys.readouterr()
    with pytest.raises(SystemExit):
        run([])
    monkeypatch.delenv("_WEFT_COMPLETE")
    return [line.split(",")[1] for line in capsys.readouterr().out.split()]


def test_a_shell_completes_ids_of_sessions_and_names_of_threads(
    daemon: Daemon,
    weft: Weft,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert daemon
    thread_id = thread_in(weft, "compl-1", "notes")
    thread_in(weft, "compl-2", "other")
    assert ["compl-1", "compl-2"] == offered(
        "weft sessions show compl-", monkeypatch, capsys
    )
    assert ["notes"] == offered(
        "weft threads show --session compl-1 n", monkeypatch, capsys
    )
    assert [thread_id] == offered(
        f"weft threads show {thread_id[:-1]}", monkeypatch, capsys
    )


def test_completion_is_silent_where_nobody_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEFT_URL", "http://127.0.0.1:9")
    assert [] == offered("weft sessions show a", monkeypatch, capsys)


def test_watching_outlives_a_daemon_that_is_killed(tmp_path: Path, weft: Weft) -> None:
    (tmp_path / "flows.py").write_text(APP)
    socket = tmp_path / "weft.sock"
    where = ("--data", tmp_path / "data", "--listen", "127.0.0.1:0")
    serve = ("serve", *where, "--socket", socket, "--app", "flows:flows")
    at = ("--socket", socket)
    with ExitStack() as stack:
        with child(*serve, cwd=tmp_path) as first:
            first_line(first)
            made = ("threads", "create", "x", "--session", "s", "--create", *at)
            created = weft(*made, "--workflow", "count", "-o", "json")
            thread_id = created.json[0]["thread_id"]
            watching = stack.enter_context(child("watch", thread_id, *at))
            run_until_seen(weft, watching, thread_id, socket)
            first.kill()
            first.wait(DEADLINE_S)
        assert "waiting for the daemon" in first_line(watching)
        second = stack.enter_context(child(*serve, cwd=tmp_path))
        first_line(second)
        seen = run_until_seen(weft, watching, thread_id, socket)
        assert ["counted"] == list(seen["data"])


def run_until_seen(
    weft: Weft, watching: subprocess.Popen[str], thread_id: str, socket: Path
) -> Any:
    """Run a thread until who watches it sees a state; return the event."""
    assert watching.stdout is not None
    while True:  # it may have begun to look on in the middle of a run
        assert 0 == weft("run", thread_id, "{}", "--socket", socket).code
        while select([watching.stdout], [], [], 0.5)[0]:
            seen = msgspec.json.decode(watching.stdout.readline())
            if seen["event"] == "values":
                return seen
