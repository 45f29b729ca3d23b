"""How the store is, over HTTP: what it holds, how fast it is, when it was saved."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import client_of
from weft.actors import Runtime
from weft.storage.retention import Retention


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Runtime]:
    """Return a runtime whose store is a file."""
    kept = Retention(operations_s=600.0)
    with Runtime.open(tmp_path / "data", retention=kept) as runtime:
        yield runtime


@pytest.fixture
def beside(on_disk: Runtime) -> Iterator[TestClient]:
    """Return a client of it."""
    with client_of(on_disk) as opened:
        yield opened


def look(client: TestClient) -> Any:
    return client.get("/figures/store").raise_for_status().json()


def entries(seen: Any, tree: str) -> int:
    found: int = next(one["entries"] for one in seen["trees"] if one["tree"] == tree)
    return found


def test_what_is_in_the_store_is_told(beside: TestClient, on_disk: Runtime) -> None:
    empty = look(beside)
    assert (None, None, 0) == (
        empty["log"]["first_seq"],
        empty["log"]["first_at"],
        empty["commit"]["span"]["count"],
    )
    on_disk.session("a").create_thread("n").get(timeout=5)
    assert 409 == beside.post("/sessions", json={"session_id": "a"}).status_code
    seen = look(beside)
    assert (1, 1, 2) == (
        seen["log"]["first_seq"],
        seen["log"]["last_seq"],
        seen["log"]["entries"],
    )
    assert seen["log"]["first_at"] is not None
    assert 2 == entries(seen, "L")
    assert all(one["holds"] for one in seen["trees"])
    assert 0 < seen["used_bytes"] - seen["free_bytes"] < seen["map_size_bytes"]
    assert seen["file_bytes"] > 0
    assert seen["disk_free_bytes"] > 0
    assert not seen["read_only"]
    assert (600.0, None) == (seen["kept"]["operations_s"], seen["kept"]["runs_s"])


def test_how_long_commits_took_is_told(beside: TestClient, on_disk: Runtime) -> None:
    look(beside)
    for number in range(3):
        on_disk.session("a").create_thread(f"n{number}").get(timeout=5)
    seen = look(beside)
    for name in ("waiting", "decide", "flush", "commit"):
        times = seen[name]
        assert 3 == times["span"]["count"] == sum(times["counts"])
        assert len(times["bounds_s"]) == len(times["counts"])
        assert times["counts"][0] > 0, "empty buckets before the first are left out"
        assert times["bounds_s"][-1] == times["span"]["longest_s"]
    assert {"commits": 3, "operations": 3, "counts": [3]} == seen["groups"]


def test_the_last_backup_and_the_last_check_are_told(
    beside: TestClient, on_disk: Runtime, tmp_path: Path
) -> None:
    seen = look(beside)
    assert (None, None) == (seen["last_backup"], seen["last_check"])
    on_disk.session("a").create_thread("n").get(timeout=5)
    made = on_disk.backup(tmp_path / "backup")
    assert 200 == beside.post("/check").status_code
    seen = look(beside)
    assert (1, made.size_bytes) == (
        seen["last_backup"]["seq"],
        seen["last_backup"]["size_bytes"],
    )
    assert (1, 0) == (seen["last_check"]["seq"], seen["last_check"]["findings"])


def test_a_store_in_memory_has_no_file(client: TestClient) -> None:
    seen = look(client)
    assert (None, None) == (seen["disk_free_bytes"], seen["last_backup"])
