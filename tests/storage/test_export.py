"""Export: one moment, whole, in an order that can be imported."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.storage.client import Client, in_memory
from tests.storage.samples import SAMPLES, WORLD, build_world
from weft.storage import LmdbStore, SessionNotFound, StoreCorrupt
from weft.storage import operations as op
from weft.storage.export import export_lines, row_count, whole_file, write_export
from weft.storage.keys import thread_key
from weft.storage.lmdb_reader import LmdbReader

store = pytest.fixture(in_memory)


def exported(client: Client, sessions: list[str] | None = None) -> list[dict[str, Any]]:
    return client.see(
        lambda s: [msgspec.json.decode(x) for x in export_lines(s, 1, sessions)]
    )


def kinds(client: Client, sessions: list[str] | None = None) -> list[str]:
    return [row["record"] for row in exported(client, sessions)]


def test_an_empty_store_is_a_header_and_an_end(client: Client) -> None:
    assert ["weft", "end"] == kinds(client)


def test_records_come_after_what_they_lean_on(client: Client) -> None:
    build_world(client)
    client.do(SAMPLES["TrackInteraction"].applied)
    found = kinds(client)
    log = len(WORLD) + 1
    assert ["weft"] + ["operation"] * log == found[: log + 1]
    rest = found[log + 1 :]
    assert ["session"] * 3 == rest[:3]
    busy = rest.index("run")  # in progress, it comes with its thread
    assert "thread" == rest[busy - 1]
    assert {"thread", "association", "tombstone", "run"} == set(rest[3:12])
    assert ["state", "state", "interaction", "end"] == rest[12:]
    assert len(found) - 2 == exported(client)[-1]["rows"]


def test_one_session_comes_with_its_threads_and_without_the_log(
    client: Client,
) -> None:
    build_world(client)
    client.do(op.TransferThreads(thread_ids=("t1",), to_session_id="b"))
    found = exported(client, ["b"])
    assert ["b"] == found[0]["sessions"]
    assert [
        ("session", None),
        ("thread", "t1"),
        ("association", "t1"),
        ("state", "t1"),
        ("state", "t1"),
    ] == [(row["record"], row.get("thread_id")) for row in found[1:-1]]


def test_a_session_that_is_not_there_is_told(client: Client) -> None:
    with pytest.raises(SessionNotFound, match="'z' does not exist"):
        exported(client, ["z"])


def test_a_damaged_record_is_told_and_no_file_is_made(
    client: Client, tmp_path: Path
) -> None:
    build_world(client)
    key = thread_key("t1")[-1]
    client.store._write(lambda writing: writing.put_many("T", [(key, b"junk!")]))
    out = tmp_path / "out.jsonl"
    with client.store.read() as snapshot, pytest.raises(StoreCorrupt):  # noqa: SIM117
        with whole_file(out) as file:
            write_export(snapshot, file, 1)
    assert [] == list(tmp_path.glob("*.jsonl")) + list(tmp_path.glob(".*"))


def test_a_file_is_never_made_over_another(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with whole_file(out) as file:
        file.write(b"first")
        assert not out.exists()
    with pytest.raises(FileExistsError), whole_file(out):
        pytest.fail("it began")
    assert b"first" == out.read_bytes()


def test_somebody_who_was_faster_keeps_the_name(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(FileExistsError), whole_file(out):
        out.write_bytes(b"theirs")
    assert [b"theirs"] == [path.read_bytes() for path in tmp_path.glob("*out*")]


def test_an_export_is_of_one_moment_while_the_owner_writes_on(
    lmdb_store: LmdbStore,
) -> None:
    client = Client(lmdb_store)
    build_world(client)
    with lmdb_store.read() as snapshot:
        before = list(export_lines(snapshot, 1))
        lines = export_lines(snapshot, 1)
        first = [next(lines) for _ in range(5)]
        client.do(op.RemoveThreads(threads=("t1",)))
        assert before == first + list(lines)


def test_progress_tells_of_rows_and_nearly_their_number(client: Client) -> None:
    threads = tuple(op.NewThread(f"t{n}", f"t{n}") for n in range(1_000))
    client.do(op.CreateThreads(session_id="a", threads=threads, create_session=True))
    told: list[tuple[int, int]] = []
    with client.store.read() as snapshot, open("/dev/null", "wb") as out:  # noqa: PTH123
        rows = write_export(snapshot, out, 1, None, lambda *x: told.append(x))
        assert rows == row_count(snapshot)
    assert [(0, 2_002), (1_000, 2_002), (2_000, 2_002)] == told


def test_another_process_reads_what_the_owner_has_committed(tmp_store: Path) -> None:
    store = LmdbStore(tmp_store)
    try:
        client = Client(store)
        build_world(client)
        mine = client.see(lambda s: list(export_lines(s, 1)))
    finally:
        store.close()
    reader = LmdbReader(tmp_store / "store")
    try:
        with reader.read() as snapshot:
            assert mine == list(export_lines(snapshot, 1))
    finally:
        reader.close()
