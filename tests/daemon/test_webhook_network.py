"""Requests of webhooks over real sockets: where they end up, whatever a name says."""

import asyncio
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path

import httpcore
import pytest

from tests.daemon.receiver import LOOPBACK, Answer, receiving
from tests.ports import free_port
from weft.daemon.webhook_guard import Address, Forbidden, Guard
from weft.daemon.webhook_network import GuardedNetwork, Resolve, resolve
from weft.daemon.webhook_outcome import Outcome
from weft.daemon.webhook_sender import Sender

BODY = b'{"run_id":"r"}'
LOCAL = Guard(allow_http=True, networks=tuple(map(ip_network, LOOPBACK)))
STRICT = Guard(allow_http=True)


def resolver(*answers: list[str]) -> Resolve:
    """Return a resolver that gives one answer after the other, then the last."""
    left = [[ip_address(text) for text in answer] for answer in answers]

    async def ask(_host: str, _port: int) -> list[Address]:
        return left.pop(0) if len(left) > 1 else left[0]

    return ask


def sent(
    url: str, guard: Guard = LOCAL, resolver: Resolve = resolve, timeout_s: float = 5.0
) -> Outcome:
    """Send one webhook and return what it came to."""

    async def send() -> Outcome:
        sender = Sender(guard, timeout_s, resolver)
        return await sender.send(guard.target(url), {"webhook-id": "r"}, BODY)

    return asyncio.run(send())


def test_a_webhook_is_a_post_of_json() -> None:
    with receiving() as receiver:
        assert "delivered" == sent(receiver.url).kind
        received = receiver.next()
    assert "/hook?token=very-secret" == received.path
    assert (f"localhost:{receiver.port}", "application/json", "r") == (
        received.headers["host"],
        received.headers["content-type"],
        received.headers["webhook-id"],
    )
    assert BODY == received.body


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_a_name_that_leads_to_this_machine_is_not_connected_to(address: str) -> None:
    with receiving() as receiver:
        url = f"http://public.example:{receiver.port}/"
        outcome = sent(url, STRICT, resolver([address]))
        assert receiver.is_quiet
    assert "forbidden" == outcome.kind


def test_localhost_is_not_connected_to_by_the_systems_own_resolver() -> None:
    with receiving() as receiver:
        assert "forbidden" == sent(receiver.url, STRICT).kind
        assert receiver.is_quiet


def test_a_name_that_leads_to_this_machine_the_next_time_is_not_connected_to() -> None:
    """DNS rebinding: the address that was judged is the one that is connected to."""
    asked: list[str] = []

    def rebinding() -> Resolve:
        answers = resolver(["192.0.2.1"], ["127.0.0.1"])

        async def ask(host: str, port: int) -> list[Address]:
            asked.append(host)
            return await answers(host, port)

        return ask

    nobody = Guard(allow_http=True, networks=(ip_network("192.0.2.0/24"),))
    with receiving() as receiver:
        url = f"http://rebinding.example:{receiver.port}/"
        outcome = sent(url, nobody, rebinding(), timeout_s=0.3)
        assert receiver.is_quiet
    assert ("unreachable", ["rebinding.example"]) == (outcome.kind, asked)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_refusal_and_not_followed(status: int) -> None:
    with receiving() as inner, receiving() as receiver:
        receiver.answers.put(Answer(status, {"location": inner.url}))
        assert Outcome("refused", f"status {status}") == sent(receiver.url)
        assert inner.is_quiet


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200), Outcome("delivered", "status 200")),
        (Answer(299), Outcome("delivered", "status 299")),
        (Answer(404), Outcome("refused", "status 404")),
        (Answer(410), Outcome("gone", "status 410")),
        (
            Answer(503, {"Retry-After": "7"}),
            Outcome("refused", "status 503", 7.0),
        ),
    ],
)
def test_what_is_answered_is_the_outcome(answer: Answer, expected: Outcome) -> None:
    with receiving() as receiver:
        receiver.answers.put(answer)
        assert expected == sent(receiver.url)


def test_a_receiver_that_does_not_answer_costs_its_time_only() -> None:
    gate = threading.Event()
    with receiving() as receiver:
        receiver.answers.put(Answer(gate=gate))
        began_s = time.monotonic()
        outcome = sent(receiver.url, timeout_s=0.2)
        assert 0.2 <= time.monotonic() - began_s < 2
        gate.set()
    assert Outcome("unreachable", "no answer within 0.2 s") == outcome


def test_where_nobody_listens_the_next_address_is_tried() -> None:
    with receiving() as receiver:
        url = f"http://two.example:{receiver.port}/"
        found = resolver(["::1", "127.0.0.1"])
        assert "delivered" == sent(url, LOCAL, found).kind


def test_where_nobody_listens_at_all_it_is_unreachable() -> None:
    url = f"http://localhost:{free_port()}/"
    assert Outcome("unreachable", "ConnectError") == sent(url)
    assert "unreachable" == sent("http://nobody.invalid/").kind


def test_a_proxy_of_the_environment_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert "delivered" == sent(receiver.url).kind
        assert proxy.is_quiet


def test_there_is_no_way_to_a_unix_socket() -> None:
    network = GuardedNetwork(LOCAL)
    with pytest.raises(Forbidden):
        asyncio.run(network.connect_unix_socket("/run/docker.sock"))


def test_a_name_without_an_address_is_a_failure_to_connect() -> None:
    network = GuardedNetwork(LOCAL, resolver([]))
    with pytest.raises(httpcore.ConnectError):
        asyncio.run(network.connect_tcp("nothing.example", 443))


# -- TLS


def certified(directory: Path, name: str) -> ssl.SSLContext:
    """Return a server's context for a name, with a certificate of its own making."""
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-nodes", "-days", "1", "-newkey", "ec"],
            *["-pkeyopt", "ec_paramgen_curve:prime256v1"],
            *("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"),
            *("-out", cert, "-keyout", key),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@pytest.fixture
def secure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], ssl.SSLContext]:
    """Return what certifies a name, in a process that trusts it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    return lambda name: certified(tmp_path, name)


def test_tls_proves_the_name_though_an_address_is_connected_to(
    secure: Callable[[str], ssl.SSLContext],
) -> None:
    found = resolver(["127.0.0.1"])
    with receiving(secure("hooks.example")) as receiver:
        for name, kind in (
            ("hooks.example", "delivered"),
            ("other.example", "unreachable"),
        ):
            url = f"https://{name}:{receiver.port}/"
            assert kind == sent(url, LOCAL, found).kind, name
