"""What a receiver does not take is sent again, until it is taken or given up."""

import threading
import time
from typing import Any

import pytest

from tests.daemon.http.run_support import TIMEOUT_S
from tests.daemon.receiver import Answer, Receiver, receiving
from tests.daemon.telling import telling
from weft.daemon import webhooks
from weft.storage import MemoryStore, StoreUnavailable


def test_what_is_not_taken_is_sent_again_until_it_is(receiver: Receiver) -> None:
    for status in (500, 302, 429):
        receiver.answers.put(Answer(status))
    with telling() as client:
        run = client.start(receiver.url)
        attempts = [receiver.next() for _ in range(4)]
        numbers = client.settled()
    assert {run["run_id"]} == {each.headers["webhook-id"] for each in attempts}
    sent_at = [each.told["webhook_sent_at"] for each in attempts]
    assert sent_at == sorted(set(sent_at))
    assert (3, 1) == (
        numbers['weft_webhook_requests_total{outcome="refused"}'],
        numbers['weft_webhook_requests_total{outcome="delivered"}'],
    )
    assert 4 == numbers["weft_webhook_request_duration_seconds_count"]
    assert 0 == numbers["weft_webhooks_abandoned_total"]


def test_a_receiver_that_asks_for_time_gets_it(receiver: Receiver) -> None:
    receiver.answers.put(Answer(503, {"Retry-After": "1"}))
    with telling() as client:
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
        assert 1 == client.settled()["weft_webhooks_abandoned_total"]
        assert receiver.is_quiet


def test_a_run_that_was_removed_is_not_told_any_more(receiver: Receiver) -> None:
    gate = threading.Event()
    receiver.answers.put(Answer(500, gate=gate))
    with telling() as client:
        run = client.start(receiver.url)
        receiver.next()
        client.delete(f"/threads/t/runs/{run['run_id']}").raise_for_status()
        gate.set()
        numbers = client.settled()
        assert receiver.is_quiet
    assert 1 == numbers['weft_webhook_requests_total{outcome="refused"}']
    assert 0 == numbers["weft_webhooks_abandoned_total"]


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
        client.settled()


def test_a_store_that_was_away_meanwhile_delays_it_only(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "AWAY_S", 0.02)
    store, refused = MemoryStore(), threading.Semaphore(0)
    away, read = threading.Event(), store.read

    def read_or_refuse() -> Any:
        if away.is_set() and threading.current_thread().name == "weft-webhooks":
            refused.release()
            raise StoreUnavailable
        return read()

    monkeypatch.setattr(store, "read", read_or_refuse)
    away.set()
    with telling(store=store) as client:
        run = client.start(receiver.url)
        for _ in range(3):
            assert refused.acquire(timeout=TIMEOUT_S)
        assert receiver.is_quiet
        away.clear()
        assert run["run_id"] == receiver.next().headers["webhook-id"]
        assert 0 == client.settled()["weft_webhooks_abandoned_total"]
