"""What one process has not told when it ends, or is killed, the next one tells."""

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
from tests.daemon.telling import telling
from tests.ports import free_port
from weft.daemon import webhooks as room
from weft.storage import LmdbStore


def test_what_was_not_taken_is_told_by_the_next_process(
    receiver: Receiver, tmp_path: Path
) -> None:
    outbox, data = tmp_path / "outbox", tmp_path / "data"
    receiver.answers.put(Answer(500, {"Retry-After": "60"}))
    with telling(outbox, LmdbStore(data)) as client:
        run = client.start(receiver.url)
        receiver.next()
        began_s = time.monotonic()
    assert time.monotonic() - began_s < room.STOP_TIMEOUT_S
    assert [run["run_id"]] == [file.name for file in outbox.iterdir()]
    with telling(outbox, LmdbStore(data)) as client:
        assert run["run_id"] == receiver.next().told["run_id"]
        client.settled()
    assert [] == list(outbox.iterdir())


def test_a_request_under_way_at_the_end_is_waited_for(
    receiver: Receiver, tmp_path: Path
) -> None:
    gate = threading.Event()
    receiver.answers.put(Answer(gate=gate))
    with telling(tmp_path) as client:
        run = client.start(receiver.url)
        receiver.next()
        assert [run["run_id"]] == [file.name for file in tmp_path.iterdir()]
        threading.Timer(0.2, gate.set).start()
    assert gate.is_set()
    assert [] == list(tmp_path.iterdir())


def test_a_request_that_hangs_at_the_end_is_cut_and_kept(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "STOP_TIMEOUT_S", 0.1)
    gate = threading.Event()
    receiver.answers.put(Answer(gate=gate))
    with telling(tmp_path) as client:
        run = client.start(receiver.url)
        receiver.next()
    gate.set()
    assert [run["run_id"]] == [file.name for file in tmp_path.iterdir()]


def served(data: Path, port: int) -> Any:
    told = environment(
        WEFT_WEBHOOKS__ALLOW_HTTP="1",
        WEFT_WEBHOOKS__ALLOW_NETWORKS=",".join(LOOPBACK),
    )
    app = ("--app", "tests.daemon.http.run_app:workflows")
    where = ("--data", data, "--listen", f"127.0.0.1:{port}")
    return weft("serve", *app, *where, env=told)


def test_a_receiver_is_told_though_the_daemon_is_killed_on_the_way(
    tmp_path: Path,
) -> None:
    """Twice: while the run goes on, and while nobody takes its end."""
    port = free_port()
    body = {
        "assistant_id": "steps",
        "if_not_exists": "create",
        "input": {"to": 60},
        "webhook": f"http://localhost:{port}/hook",
    }
    with served(tmp_path, 0) as child:
        url = url_in(first_line(child))
        run = httpx.post(f"{url}/threads/t/runs", json=body).json()
        child.kill()
    with served(tmp_path, 0) as child:
        url = url_in(first_line(child))
        httpx.get(f"{url}/threads/t/runs/{run['run_id']}/join", timeout=TIMEOUT_S)
        child.kill()
    assert [run["run_id"]] == [file.name for file in (tmp_path / "webhooks").iterdir()]
    with receiving(port=port) as receiver, served(tmp_path, 0) as child:
        first_line(child)
        told = receiver.next().told
        child.terminate()
        assert 0 == child.wait(DEADLINE_S)
    assert (run["run_id"], {"n": 60}) == (told["run_id"], told["values"])
    assert [] == list((tmp_path / "webhooks").iterdir())
