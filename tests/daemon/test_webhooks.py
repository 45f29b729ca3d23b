"""Receivers are told of the ends of runs, at least once, whatever happens between."""

import base64
import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_sync_client

from tests.daemon.asking import url_in
from tests.daemon.child import DEADLINE_S, environment, first_line, weft
from tests.daemon.http.asking import ADMIN, ALICE, BOB, bearer, token_file
from tests.daemon.http.run_support import TIMEOUT_S, serving
from tests.daemon.receiver import LOOPBACK, Answer, Receiver, free_port, receiving
from tests.daemon.telling import TellingClient, telling
from weft.daemon import webhook_retry
from weft.daemon import webhooks as room
from weft.storage import LmdbStore

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="module")
def client() -> Iterator[TellingClient]:
    with telling() as opened:
        yield opened


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the first attempts follow each other within a tenth of a second."""
    monkeypatch.setattr(webhook_retry, "FIRST_S", 0.1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


def settled(client: TellingClient, token: str = "") -> dict[str, float]:
    """Wait until nothing is to be told, and return the numbers of webhooks."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while client.webhooks.statistics().waiting or client.webhooks._open:
        assert time.monotonic() < deadline_s
        threading.Event().wait(0.005)
    page = client.get("/metrics", headers=bearer(token) if token else {}).text
    found = {}
    for line in page.splitlines():
        if line.startswith("weft_webhook"):
            name, _, number = line.partition(" ")
            found[name] = float(number)
    return found


# -- what is told


def test_a_receiver_is_told_of_a_run_as_the_protocol_has_it(
    client: TellingClient, receiver: Receiver
) -> None:
    run = client.start(receiver.url, input={"by": 2}, metadata={"mine": 1})
    received = receiver.next()
    told = received.told
    expected = client.get(f"/threads/t/runs/{run['run_id']}").json()
    assert expected == {name: told[name] for name in expected}
    assert ("success", {"mine": 1}) == (told["status"], told["metadata"])
    assert {"n": 2, "kind": "count"} == told["values"]
    assert told["error"] is None
    times = ("created_at", "run_started_at", "run_ended_at", "webhook_sent_at")
    in_order = [datetime.fromisoformat(told[name]) for name in times]
    assert sorted(in_order) == in_order
    assert run["run_id"] == received.headers["webhook-id"]
    assert "truncated" not in told


def test_a_run_that_failed_is_told_with_its_error(
    client: TellingClient, receiver: Receiver
) -> None:
    client.start(receiver.url, "fail")
    told = receiver.next().told
    assert "error" == told["status"]
    assert {"error": "ValueError", "message": "no further"} == told["error"]
    assert {"so": "far"} == told["values"]


def test_a_run_that_was_cancelled_is_told(
    client: TellingClient, receiver: Receiver
) -> None:
    run = client.start(receiver.url, "linger")
    path = f"/threads/t/runs/{run['run_id']}/cancel"
    client.post(path, params={"wait": 1}).raise_for_status()
    assert "interrupted" == receiver.next().told["status"]


@pytest.mark.parametrize("path", ["/threads/t/runs", "/runs"])
@pytest.mark.parametrize("way", ["", "/wait", "/stream"])
def test_every_way_to_start_a_run_takes_a_webhook(
    client: TellingClient, receiver: Receiver, path: str, way: str
) -> None:
    body = {"assistant_id": "count", "input": {"by": 1}, "webhook": receiver.url}
    answer = client.post(path + way, json=body)
    run_id = answer.headers["content-location"].rpartition("/")[2]
    assert run_id == receiver.next().told["run_id"]


def test_each_run_of_a_batch_is_told(client: TellingClient, receiver: Receiver) -> None:
    body = [{"assistant_id": "count", "webhook": receiver.url}] * 3
    runs = client.post("/runs/batch", json=body).json()
    told = {receiver.next().told["run_id"] for _ in runs}
    assert {run["run_id"] for run in runs} == told


def test_langgraphs_own_client_names_a_webhook(
    client: TellingClient, receiver: Receiver
) -> None:
    with get_sync_client(url=str(client.base_url)) as theirs:
        run = theirs.runs.create("t", "count", webhook=receiver.url)
        assert run["run_id"] == receiver.next().told["run_id"]
        values = theirs.runs.wait(None, "count", webhook=receiver.url)
        assert values == receiver.next().told["values"]


def test_what_is_too_large_is_left_out_and_named(receiver: Receiver) -> None:
    def much(_context: Any, config: dict[str, Any]) -> dict[str, str]:
        return {"text": "x" * config["size"]}

    with telling(workflows={"much": much}, body_size_bytes_max=2048) as client:
        client.start(receiver.url, "much", input={"size": 4096})
        first = receiver.next()
        asked = {"size": 1, "more": "y" * 4096}
        client.start(receiver.url, "much", input=asked, metadata={"m": "z" * 4096})
        second = receiver.next()
    assert (None, ["values"]) == (first.told["values"], first.told["truncated"])
    assert {} == second.told["kwargs"]
    assert ["values", "kwargs", "metadata"] == second.told["truncated"]
    assert max(len(first.body), len(second.body)) <= 2048


def test_a_webhook_is_signed_as_the_standard_has_it(
    receiver: Receiver, tmp_path: Path
) -> None:
    file = tmp_path / "secrets"
    file.touch(mode=0o600)
    file.write_text(f"{SECRET}\n")
    with telling(secrets=file) as client:
        run = client.start(receiver.url)
        received = receiver.next()
    headers = received.headers
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    signed = f"{run['run_id']}.{headers['webhook-timestamp']}.".encode()
    digest = hmac.new(bytes(range(32)), signed + received.body, hashlib.sha256)
    expected = "v1," + base64.b64encode(digest.digest()).decode()
    assert expected == headers["webhook-signature"]


# -- again and again


def test_what_is_not_taken_is_sent_again_until_it_is(receiver: Receiver) -> None:
    for status in (500, 302, 429):
        receiver.answers.put(Answer(status))
    with telling() as client:
        run = client.start(receiver.url)
        attempts = [receiver.next() for _ in range(4)]
        numbers = settled(client)
    assert {run["run_id"]} == {each.headers["webhook-id"] for each in attempts}
    sent_at = [each.told["webhook_sent_at"] for each in attempts]
    assert sent_at == sorted(set(sent_at))
    assert (3, 1) == (
        numbers['weft_webhook_requests_total{outcome="refused"}'],
        numbers['weft_webhook_requests_total{outcome="delivered"}'],
    )
    assert 4 == numbers["weft_webhook_request_duration_seconds_count"]
    assert 0 == numbers["weft_webhooks_abandoned_total"]


def test_a_receiver_that_asks_for_time_gets_it(
    client: TellingClient, receiver: Receiver
) -> None:
    receiver.answers.put(Answer(503, {"Retry-After": "1"}))
    client.start(receiver.url)
    receiver.next()
    began_s = time.monotonic()
    receiver.next()
    assert 1.0 <= time.monotonic() - began_s


@pytest.mark.parametrize(("status", "retry_for_s"), [(410, 60.0), (500, 0.0)])
def test_what_nobody_wants_is_given_up(
    receiver: Receiver, status: int, retry_for_s: float
) -> None:
    receiver.answers.put(Answer(status))
    with telling(retry_for_s=retry_for_s) as client:
        client.start(receiver.url)
        receiver.next()
        assert 1 == settled(client)["weft_webhooks_abandoned_total"]
        assert receiver.is_quiet


def test_a_run_that_was_removed_is_not_told_any_more(receiver: Receiver) -> None:
    receiver.answers.put(Answer(500))
    with telling() as client:
        run = client.start(receiver.url)
        receiver.next()
        client.delete(f"/threads/t/runs/{run['run_id']}").raise_for_status()
        settled(client)
        assert receiver.is_quiet


def test_a_thread_of_its_own_stays_until_its_run_was_told(receiver: Receiver) -> None:
    receiver.answers.put(Answer(500))
    body = {"assistant_id": "count", "webhook": receiver.url}
    with telling() as client:
        answer = client.post("/runs/wait", json=body)
        first = receiver.next().told
        assert first["values"] == receiver.next().told["values"] == answer.json()
        events = client.runtime.events(timeout_s=TIMEOUT_S)
        while 404 != client.get(f"/threads/{first['thread_id']}").status_code:
            next(events)


def test_a_slow_host_does_not_hold_up_others() -> None:
    gate = threading.Event()
    with receiving() as slow, receiving() as quick, telling(requests_max=4) as client:
        for _ in range(3):
            slow.answers.put(Answer(gate=gate))
            client.start(slow.url)
        slow.next()
        client.start(quick.url.replace("localhost", "127.0.0.1"))
        assert "success" == quick.next().told["status"]
        assert slow.is_quiet, "one request of four is under way to one host"
        gate.set()
        settled(client)


# -- across processes


def test_what_was_not_taken_is_told_by_the_next_process(
    receiver: Receiver, tmp_path: Path
) -> None:
    outbox, data = tmp_path / "outbox", tmp_path / "data"
    receiver.answers.put(Answer(500))
    with telling(outbox, LmdbStore(data)) as client:
        run = client.start(receiver.url)
        receiver.next()
        began_s = time.monotonic()
    assert time.monotonic() - began_s < room.STOP_TIMEOUT_S
    with telling(outbox, LmdbStore(data)) as client:
        assert run["run_id"] == receiver.next().told["run_id"]
        settled(client)
    assert [] == list(outbox.iterdir())


def test_a_request_under_way_at_the_end_is_waited_for(
    receiver: Receiver, tmp_path: Path
) -> None:
    gate = threading.Event()
    receiver.answers.put(Answer(gate=gate))
    with telling(tmp_path) as client:
        client.start(receiver.url)
        receiver.next()
        threading.Timer(0.2, gate.set).start()
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


# -- who may, and where to


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
    client: TellingClient, url: str, words: str
) -> None:
    before = client.get("/threads/t/runs").json()
    body = {"assistant_id": "count", "webhook": url}
    answer = client.post("/threads/t/runs", json=body)
    assert (422, "$.webhook") == (
        answer.status_code,
        answer.json()["faults"][0]["path"],
    )
    assert words in answer.json()["detail"]
    assert "secret" not in answer.text
    assert before == client.get("/threads/t/runs").json()


def test_a_name_that_leads_astray_is_told_nothing(receiver: Receiver) -> None:
    with telling(allow_networks=()) as client:
        client.start(receiver.url)
        numbers = settled(client)
    assert receiver.is_quiet
    assert 1 == numbers['weft_webhook_requests_total{outcome="forbidden"}']
    assert 1 == numbers["weft_webhooks_abandoned_total"]


def test_a_daemon_that_sends_none_says_so() -> None:
    with serving() as client:
        body = {"assistant_id": "count", "webhook": "https://example.com/"}
        answer = client.post("/threads/t/runs", json=body)
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
    assert 503 == answer.status_code
    assert "could not be written down" in answer.json()["detail"]


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
        settled(client)
        run_id = run["run_id"]
        pages = [
            client.get(f"/threads/t/runs/{run_id}").text,
            client.get(f"/executions/{run_id}").text,
            client.get("/threads/t").text,
            client.get("/operations").text,
            client.get("/metrics").text,
        ]
    lines = [r.getMessage() for r in caplog.records if r.name == "weft.webhooks"]
    assert 2 == len(lines)
    assert "refused, status 500" in lines[0]
    assert "told localhost" in lines[1]
    for text in (*pages, caplog.text):
        assert "very-secret" not in text
        assert "/hook" not in text


def test_an_owner_is_told_of_their_own_runs_only(
    receiver: Receiver, tmp_path: Path
) -> None:
    with telling(tokens=token_file(tmp_path)) as client:
        made = client.post(
            "/threads", json={"thread_id": "hers"}, headers=bearer(ALICE)
        )
        made.raise_for_status()
        body = {"assistant_id": "count", "webhook": receiver.url}
        path = "/threads/hers/runs"
        assert 404 == client.post(path, json=body, headers=bearer(BOB)).status_code
        assert 200 == client.post(path, json=body, headers=bearer(ALICE)).status_code
        assert "hers" == receiver.next().told["thread_id"]
        assert receiver.is_quiet


def test_an_owner_is_not_told_of_what_has_moved_to_somebody_else(
    receiver: Receiver, tmp_path: Path
) -> None:
    with telling(tokens=token_file(tmp_path)) as client:
        runtime = client.runtime
        made = client.post(
            "/threads", json={"thread_id": "hers"}, headers=bearer(ALICE)
        )
        made.raise_for_status()
        body = {"assistant_id": "linger", "webhook": receiver.url}
        path = "/threads/hers/runs"
        run = client.post(path, json=body, headers=bearer(ALICE)).json()
        bobs = runtime.coordinator.create_session("bobs", user_id="bob")
        bobs.get(timeout=TIMEOUT_S)
        moved = runtime.thread("hers").transfer_to("bobs", if_running="move")
        moved.get(timeout=TIMEOUT_S)
        runtime.coordinator.cancel_run(run["run_id"]).get(timeout=TIMEOUT_S)
        settled(client, ADMIN)
        assert receiver.is_quiet
