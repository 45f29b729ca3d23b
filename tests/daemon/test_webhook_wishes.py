"""Whom to tell of a run is known before the run is: no death between loses it."""

import asyncio
import logging
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.daemon.asking import url_in
from tests.daemon.child import DEADLINE_S, environment, first_line, weft
from tests.daemon.http.run_support import TIMEOUT_S
from tests.daemon.receiver import LOOPBACK, Answer, Receiver, receiving
from tests.daemon.telling import TellingClient, telling
from weft.actors import Runtime
from weft.daemon import webhooks as room
from weft.daemon.webhook_outbox import Noted, Outbox
from weft.storage import (
    DeadlineExceeded,
    LmdbStore,
    MemoryStore,
    SessionThreadException,
    StartRun,
    new_id,
)

NEVER = threading.Event()


@pytest.fixture
def receiver() -> Any:
    with receiving() as opened:
        yield opened


def until_empty(outbox: Path) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while list(outbox.iterdir()):
        assert time.monotonic() < deadline_s, list(outbox.iterdir())
        NEVER.wait(0.01)


# -- kill -9


def served(data: Path, *program: str) -> Any:
    told = environment(
        WEFT_WEBHOOKS__ALLOW_HTTP="1",
        WEFT_WEBHOOKS__ALLOW_NETWORKS=",".join(LOOPBACK),
    )
    app = ("--app", "tests.daemon.http.run_app:workflows")
    where = ("--data", data, "--listen", "127.0.0.1:0")
    module = (sys.executable, "-m", *(program or ("weft.daemon",)))
    return weft("serve", *app, *where, env=told, program=module)


def die(data: Path, when: str, url: str) -> None:
    """Ask a daemon for a run, and have it die around its start."""
    body = {
        "assistant_id": "steps",
        "if_not_exists": "create",
        "input": {"to": 2},
        "webhook": url,
    }
    with served(data, "tests.daemon.dying", when) as child:
        base = url_in(first_line(child))
        with pytest.raises(httpx.TransportError):
            httpx.post(f"{base}/threads/t/runs", json=body, timeout=TIMEOUT_S)
        assert -signal.SIGKILL == child.wait(DEADLINE_S)


def test_a_daemon_that_is_killed_as_a_run_has_become_durable_tells_of_it(
    tmp_path: Path, receiver: Receiver
) -> None:
    """Before its client, or anything of the daemon, has heard that it began."""
    die(tmp_path, "after", receiver.url)
    (wish,) = (tmp_path / "webhooks").iterdir()
    assert 0o600 == wish.stat().st_mode & 0o777
    with served(tmp_path) as child:
        url = url_in(first_line(child))
        received = receiver.next()
        (run,) = httpx.get(f"{url}/threads/t/runs").json()
        until_empty(tmp_path / "webhooks")
    assert run["run_id"] == received.told["run_id"] == received.headers["webhook-id"]
    assert ("success", {"n": 2}) == (received.told["status"], received.told["values"])
    assert receiver.is_quiet, "it was told once"


def test_a_daemon_that_is_killed_before_a_run_is_durable_tells_of_nothing(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(tmp_path, "before", receiver.url)
    outbox = tmp_path / "webhooks"
    assert 1 == len(list(outbox.iterdir()))
    monkeypatch.setattr(room, "DOUBT_S", 0.0)
    with telling(outbox, LmdbStore(tmp_path)) as client:
        until_empty(outbox)
        assert [] == client.get("/threads/t/runs").json()
    assert receiver.is_quiet


# -- what came of a start


def test_a_run_whose_start_was_not_answered_in_time_is_told(
    tmp_path: Path, receiver: Receiver
) -> None:
    """It is durable all the same: its caller may ask again, or not."""
    gate, hold = threading.Event(), threading.Event()
    store = MemoryStore()
    apply = store.apply

    def slowly(operations: Any) -> Any:
        if any(isinstance(one, StartRun) for one in operations):
            hold.set()
            gate.wait(TIMEOUT_S)
        return apply(operations)

    store.apply = slowly  # type: ignore[method-assign]
    body = {"assistant_id": "count", "webhook": receiver.url}
    with telling(tmp_path, store) as client:
        answer = client.post(
            "/threads/t/runs", json=body, headers={"Weft-Timeout": "0.1"}
        )
        assert hold.is_set()
        assert DeadlineExceeded.http_status == answer.status_code
        gate.set()
        told = receiver.next().told
        assert [told["run_id"]] == [
            run["run_id"] for run in client.get("/threads/t/runs").json()
        ]
        until_empty(tmp_path)


def test_a_start_that_is_refused_leaves_nothing_to_tell(
    tmp_path: Path, receiver: Receiver
) -> None:
    gate = threading.Event()

    def wait(_context: Any, _config: Any) -> dict[str, str]:
        gate.wait(TIMEOUT_S)
        return {"first": "done"}

    busy = {"assistant_id": "wait", "webhook": receiver.url}
    busy["multitask_strategy"] = "reject"
    with telling(tmp_path, workflows={"wait": wait}) as client:
        first = client.post("/threads/t/runs", json=busy).raise_for_status().json()
        assert 409 == client.post("/threads/t/runs", json=busy).status_code
        assert [first["run_id"]] == [file.name for file in tmp_path.iterdir()]
        gate.set()
        assert first["run_id"] == receiver.next().told["run_id"]
        until_empty(tmp_path)


def test_a_repeated_request_begins_no_second_webhook(
    tmp_path: Path, receiver: Receiver
) -> None:
    gate = threading.Event()
    receiver.answers.put(Answer(gate=gate))
    body = {"assistant_id": "count", "webhook": receiver.url}
    headers = {"Idempotency-Key": "as before/../.."}
    with telling(tmp_path) as client:
        runs = [
            client.post("/threads/t/runs", json=body, headers=headers).json()["run_id"]
            for _ in range(2)
        ]
        assert 1 == len(set(runs))
        assert runs[:1] == [file.name for file in tmp_path.iterdir()]
        assert runs[0] == receiver.next().told["run_id"]
        gate.set()
        until_empty(tmp_path)
        assert receiver.is_quiet


def test_the_url_of_a_wish_stands_in_no_record_and_in_no_log(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    data, outbox = tmp_path / "data", tmp_path / "outbox"
    with caplog.at_level(logging.DEBUG), telling(outbox, LmdbStore(data)) as client:
        client.start(receiver.url)
        receiver.next()
        until_empty(outbox)
    assert "very-secret" not in caplog.text
    files = [path.read_bytes() for path in data.iterdir() if path.is_file()]
    assert files
    assert not any(b"very-secret" in content for content in files)


def test_a_thread_of_its_own_waits_for_a_wish_that_is_in_doubt(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread stays until it is known whether there is something to tell."""
    monkeypatch.setattr(room, "LOOK_S", 0.01)
    wish = Noted(new_id(), "t", receiver.url, None, op_id="later")
    Outbox(tmp_path).enter(wish)
    with telling(tmp_path) as client:
        waiting = told_of(client, "t")
        assert not waiting.wait(0.05)
        client.runtime.coordinator.start_run(
            {"by": 1}, thread_id="t", workflow="count", op_id="later"
        ).get(timeout=TIMEOUT_S)
        assert waiting.wait(TIMEOUT_S)
        assert "success" == receiver.next().told["status"]


def told_of(client: TellingClient, thread_id: str) -> threading.Event:
    """Return what is set when all is told of a thread's runs."""
    done = threading.Event()

    def wait() -> None:
        asyncio.run(client.webhooks.told(thread_id))
        done.set()

    threading.Thread(target=wait, daemon=True).start()
    return done


def test_a_start_in_the_log_that_was_refused_is_not_waited_for(
    tmp_path: Path, receiver: Receiver
) -> None:
    store = MemoryStore()
    with Runtime.open(store=store, workflows={}) as runtime:
        refused = runtime.coordinator.start_run(
            {}, thread_id="nobody", workflow="count", op_id="refused"
        )
        with pytest.raises(SessionThreadException):
            refused.get(timeout=TIMEOUT_S)
    Outbox(tmp_path).enter(Noted(new_id(), "t", receiver.url, None, op_id="refused"))
    began_s = time.monotonic()
    with telling(tmp_path, store):
        until_empty(tmp_path)
    assert time.monotonic() - began_s < room.DOUBT_S
    assert receiver.is_quiet
