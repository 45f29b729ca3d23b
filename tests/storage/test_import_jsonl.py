"""Import of an export: what came out goes in, once; graphs and all.

Into a store that has something it comes in test_import_beside.py, and what is wrong
with a file is told in test_import_broken.py.
"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from tests.storage.client import Client, dump, in_memory
from tests.storage.importing import Lost, export, load, source, world_lines
from tests.storage.samples import SAMPLES, build_world
from tests.storage.strategies import Script, scripts
from tests.storage.test_rules import FAST, play
from weft.storage import LmdbStore, MemoryStore
from weft.storage import operations as op
from weft.storage.import_intake import ROWS_MAX
from weft.storage.import_jsonl import Importer
from weft.storage.import_report import BadLine
from weft.storage.rows import GraphEntry, Row, read_row, write_row
from weft.storage.store import TreeStore

store = pytest.fixture(in_memory)
lines = pytest.fixture(world_lines)


def test_an_empty_store_becomes_the_one_that_was_exported(
    store: TreeStore, lines: list[bytes]
) -> None:
    report, bad = load(store, lines)
    assert ([], 0, 0) == (bad, report.unchanged, report.skipped)
    assert len(lines) - 2 == sum(report.imported.values())
    assert lines == export(store)


@given(scripts())
@settings(FAST, max_examples=10)
def test_any_store_survives_the_round_trip(script: Script) -> None:
    first, second = MemoryStore(), MemoryStore()
    play(first, script)
    _, bad = load(second, export(first))
    assert [] == bad
    before, after = dump(first), dump(second)
    del before["M"], after["M"]  # where an import leaves its note
    assert before == after


def test_the_store_goes_on_where_the_exported_one_stood(
    store: TreeStore, lines: list[bytes]
) -> None:
    load(store, lines)
    client = Client(store)
    again = client.outcome(op.CreateSession(session_id="new", op_id="op-1"))
    assert again.replayed
    outcome = client.outcome(op.CreateSession(session_id="new", op_id="n-1"))
    assert 11 == outcome.seq


def test_a_second_import_applies_nothing(store: TreeStore, lines: list[bytes]) -> None:
    load(store, lines)
    report, bad = load(store, lines)
    assert ({}, len(lines) - 2, []) == (report.imported, report.unchanged, bad)
    assert lines == export(store)


# -- interrupted ---------------------------------------------------------------------


def lose(_done: int, _total: int) -> None:
    raise Lost


@pytest.fixture
def interrupted(store: TreeStore) -> list[bytes]:
    """Return an export, the first 500 lines behind whose header are in the store."""
    client = Client(MemoryStore())
    threads = tuple(op.NewThread(f"t{n}", f"t{n}") for n in range(900))
    client.do(op.CreateThreads(session_id="a", threads=threads, create_session=True))
    lines = export(client.store)
    with pytest.raises(Lost):
        Importer(store, lambda _: None, lose).run(source(lines))
    return lines


def test_an_import_that_was_interrupted_goes_on_where_it_stood(
    store: TreeStore, interrupted: list[bytes]
) -> None:
    report, bad = load(store, interrupted, resume=True)
    assert (ROWS_MAX + 2, 0, []) == (report.resumed_at, report.unchanged, bad)
    assert interrupted == export(store)
    report, _ = load(store, interrupted, resume=True)
    assert ({}, 0) == (report.imported, report.unchanged)


def test_a_store_between_two_halves_of_an_import_can_be_used(
    store: TreeStore, interrupted: list[bytes]
) -> None:
    outcome = Client(store).outcome(op.CreateSession(session_id="b", op_id="new"))
    assert 2 == outcome.seq
    _, bad = load(store, interrupted, resume=True)
    assert [] == bad
    assert 900 == Client(store).see(lambda s: s.counters.threads["idle"])
    assert 2 == store.seq


def test_one_begun_anew_finds_what_is_there_unchanged(
    store: TreeStore, interrupted: list[bytes]
) -> None:
    report, bad = load(store, interrupted)
    assert (1, ROWS_MAX, []) == (report.resumed_at, report.unchanged, bad)
    assert interrupted == export(store)


# -- rehearsals ----------------------------------------------------------------------


def test_a_rehearsal_tells_what_would_be_and_changes_nothing(
    tmp_path: Path, lines: list[bytes]
) -> None:
    real, scratch = LmdbStore(tmp_path / "real"), LmdbStore(tmp_path / "x", sync=False)
    try:
        client = Client(real)
        client.do(op.CreateSession(session_id="a"))
        before = dump(real)
        rehearsed = list[BadLine]()
        with real.read() as below:
            first = Importer(scratch, rehearsed.append, below=below).run(source(lines))
        assert before == dump(real)
        second, bad = load(real, lines)
        assert (second, bad) == (first, rehearsed)
        assert ["session 'a' is there already and differs"] == [x.why for x in bad]
        assert 0 < second.imported["state"]
    finally:
        real.close()
        scratch.close()


# -- what graphs left ----------------------------------------------------------------


@pytest.fixture
def graphs() -> Client:
    """Return a client of a store with checkpoints and pending writes."""
    client = Client(MemoryStore())
    build_world(client)
    client.do(SAMPLES["PutCheckpoint"].applied)
    client.do(SAMPLES["PutWrites"].applied)
    return client


def test_checkpoints_survive_the_round_trip(store: TreeStore, graphs: Client) -> None:
    lines = export(graphs.store)
    assert any(b'"record":"graph"' in line for line in lines)
    _, bad = load(store, lines)
    assert [] == bad
    assert dump(graphs.store)["C"] == dump(store)["C"]
    assert lines == export(store)


def test_checkpoints_come_along_with_a_single_session(
    store: TreeStore, graphs: Client
) -> None:
    lines = export(graphs.store, ["a"])
    _, bad = load(store, lines)
    assert [] == bad
    assert dump(graphs.store)["C"] == dump(store)["C"]
    assert {} == load(store, lines)[0].imported


def test_a_checkpoint_that_is_damaged_or_of_another_thread_is_told(
    store: TreeStore, graphs: Client
) -> None:
    lines = export(graphs.store)
    (place, *_) = (n for n, x in enumerate(lines) if b'"record":"graph"' in x)
    row = read_row(lines[place])
    assert isinstance(row, Row)
    assert isinstance(row.record, GraphEntry)
    spoiled = replace(row.record, data=row.record.data[:-1] + b"?")
    moved = replace(row.record, thread_id="t3")
    lines[place : place + 1] = [write_row(Row(spoiled)), write_row(Row(moved))]
    _, bad = load(store, lines)
    assert "is damaged" in bad[0].why
    assert "lies under the key of another thread" in bad[1].why
