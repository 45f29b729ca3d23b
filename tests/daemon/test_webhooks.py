"""Receivers are told of the ends of runs, as the protocol and the standard have it.

What they do not take is in test_webhook_attempts.py, what becomes of it when the
process ends in test_webhook_processes.py.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import get_sync_client

from tests.daemon.receiver import Receiver
from tests.daemon.telling import TellingClient, telling

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="module")
def client() -> Iterator[TellingClient]:
    with telling() as opened:
        yield opened


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
