"""``weft migrate``: beside nobody, and with a daemon that serves all the while."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from tests.cluster.departing import trees_at, trees_of, without_origin
from tests.daemon.child import DEADLINE_S, first_line, weft
from tests.daemon.http.asking import (
    ADMIN,
    ALICE,
    READER,
    bearer,
    client_of,
    detail_of,
    token_file,
)
from tests.daemon.http.test_checks import STREAM, events_of
from tests.storage.client import Client
from tests.storage.samples import build_world
from weft.actors import Runtime
from weft.cluster import open_store
from weft.cluster.address import Address
from weft.daemon.client import connect
from weft.daemon.main import run
from weft.storage import LmdbStore, MemoryStore

WORD = "hidden%20word"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a data directory with the world of samples in it."""
    store = LmdbStore(tmp_path / "here")
    build_world(Client(store))
    store.close()
    return tmp_path / "here"


@pytest.fixture
def runtime(directory: Path) -> Iterator[Runtime]:
    with Runtime.open(directory) as opened:
        yield opened


def test_a_directory_that_nobody_has_open_is_moved(
    directory: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = LmdbStore(directory)
    before, seq = trees_of(store), store.seq
    store.close()
    where = ["--data", str(directory), "--to", f"{address}&password={WORD}"]
    assert 0 == run(["migrate", *where])
    output, talk = capsys.readouterr()
    assert f"operation       {seq}\n" in output
    assert f"the store is in {Address.of(address).name} now" in output
    assert WORD not in output + talk
    assert before == without_origin(trees_at(address))
    assert 0 == run(["check", "--data", address])
    for refused in (
        ["check", "--data", str(directory)],
        ["backup", "--data", str(directory), "--to", f"{directory}-copy"],
        ["serve", "--data", str(directory), "--listen", "127.0.0.1:0"],
    ):
        assert 65 == run(refused)
        assert f"moved to {Address.of(address).name}" in capsys.readouterr().err
    assert 0 == run(["migrate", *where])
    assert "arrived there before" in capsys.readouterr().out


def test_a_database_with_a_store_is_refused_in_a_sentence(
    directory: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    open_store(address).close()
    assert 65 == run(["migrate", "--data", str(directory), "--to", address])
    assert "There is a store in this database already" in capsys.readouterr().err
    assert 64 == run(["migrate", "--data", str(directory), "--to", f"x://u:{WORD}@h/d"])
    talk = capsys.readouterr().err
    assert "no address" in talk
    assert WORD not in talk


def test_a_daemon_moves_its_store_and_goes_on(
    directory: Path,
    address: str,
    other_address: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    open_store(other_address).close()
    served = ("serve", "--data", directory, "--listen", "127.0.0.1:0")
    with weft(*served) as daemon:
        url = url_in(first_line(daemon))
        data = ["--data", str(directory)]
        taken = ["--url", url, "--to", other_address]
        assert 65 == run(["migrate", *data, *taken])
        assert "a store in this database already" in capsys.readouterr().err
        where = ["--url", url, "--to", f"{address}&password={WORD}"]
        assert 0 == run(["migrate", *data, *where, "-o", "json"])
        report: Any = msgspec.json.decode(capsys.readouterr().out)
        assert Address.of(address).name == report["to"]
        with connect(url) as client:
            made = client.session("afterwards").create_thread("n")
            thread = made.get(timeout=DEADLINE_S)
            health = client.coordinator.health_check().get(timeout=DEADLINE_S)
            assert ("healthy", True) == (health.status, health.store_writable)
        for look in ("status", "top"):
            times = ["--times", "1"] if look == "top" else []
            assert 0 == run([look, "--url", url, *times])
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(DEADLINE_S)
        assert daemon.stderr is not None
        assert WORD not in daemon.stderr.read()

    with weft("serve", "--data", address, "--listen", "127.0.0.1:0") as daemon:
        line = first_line(daemon)
        assert f"serving {Address.of(address).name} on" in line
        with connect(url_in(line)) as client:
            found = client.thread(thread.thread_id).get().get(timeout=DEADLINE_S)
            assert "afterwards" == found.session_id
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(DEADLINE_S)


def url_in(line: str) -> str:
    return next(word for word in line.split() if word.startswith("http://"))


def test_progress_and_the_report_are_streamed(runtime: Runtime, address: str) -> None:
    with client_of(runtime) as client:
        answer = client.post("/migration", json={"to": address}, headers=STREAM)
        *told, (last, report) = events_of(answer.text)
        assert {"progress"} == {name for name, _ in told}
        assert ("report", report["entries"]) == (last, report["verified"])
        assert_all_is_served(client)
        again = client.post("/migration", json={"to": address})
        assert "has moved to" in detail_of(again, 410)


def assert_all_is_served(client: TestClient) -> None:
    """Assert that what watches a daemon is answered from the database."""
    assert 201 == client.post("/sessions", json={"session_id": "new"}).status_code
    for path in ("/livez", "/readyz", "/health", "/figures", "/sessions/new"):
        answer = client.get(path)
        assert 200 == answer.status_code, answer.text
    assert client.post("/check").json()["clean"]
    page = client.get("/metrics").text
    assert 'weft_sessions{status="open"}' in page
    assert "weft_store_last_seq" in page


def test_what_cannot_move_says_why(
    runtime: Runtime, address: str, tmp_path: Path
) -> None:
    with client_of(runtime) as client:
        other = {"to": address, "directory": str(tmp_path)}
        answer = client.post("/migration", json=other)
        assert "This daemon serves" in detail_of(answer, 422)
        answer = client.post("/migration", json={"to": f"mysql://u:{WORD}@h/d"})
        assert WORD not in detail_of(answer, 422)
        store: Any = runtime.store
        store.depart()
        answer = client.post("/migration", json={"to": address})
        assert "on its way" in detail_of(answer, 409)
        store.stay()
    with Runtime.open(store=MemoryStore()) as resident, client_of(resident) as client:
        answer = client.post("/migration", json={"to": address})
        assert "data directory" in detail_of(answer, 422)


def test_only_an_administrator_moves_a_store(
    runtime: Runtime, address: str, tmp_path: Path
) -> None:
    with client_of(runtime, token_file(tmp_path)) as client:
        for secret, status in ((READER, 403), (ALICE, 403), (ADMIN, 200)):
            answer = client.post(
                "/migration", json={"to": address}, headers=bearer(secret)
            )
            assert status == answer.status_code, answer.text
