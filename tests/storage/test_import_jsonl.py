"""Import of an export: what came out goes in, once, and what is wrong is told."""

import io
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from tests.storage.client import Client, dump
from tests.storage.invariants import broken
from tests.storage.samples import SAMPLES, build_world
from tests.storage.strategies import Script, scripts
from tests.storage.test_rules import FAST, play
from weft.storage import LmdbStore, MemoryStore, import_jsonl
from weft.storage import operations as op
from weft.storage.export import export_lines
from weft.storage.import_intake import ROWS_MAX
from weft.storage.import_jsonl import Importer
from weft.storage.import_report import BadLine, ImportReport, NotImportable
from weft.storage.operations import encode_value as raw
from weft.storage.rows import GraphEntry, Row, read_row, write_row
from weft.storage.store import TreeStore


def export(store: TreeStore, sessions: list[str] | None = None) -> list[bytes]:
    with store.read() as snapshot:
        return list(export_lines(snapshot, 1, sessions))


def source(lines: Iterable[bytes]) -> io.BytesIO:
    return io.BytesIO(b"".join(line + b"\n" for line in lines))


def load(
    store: TreeStore, lines: Iterable[bytes], *, resume: bool = False
) -> tuple[ImportReport, list[BadLine]]:
    bad: list[BadLine] = []
    report = Importer(store, bad.append).run(source(lines), resume=resume)
    with store.read() as snapshot:
        assert [] == broken(snapshot)
    assert len(bad) == report.bad
    return report, bad


@pytest.fixture
def store() -> TreeStore:
    """Return a store in memory: that both kinds hold the same is proved elsewhere."""
    return MemoryStore()


@pytest.fixture
def lines() -> list[bytes]:
    """Return the export of a world with records of all kinds."""
    client = Client(MemoryStore())
    build_world(client)
    for sample in SAMPLES.values():
        client.outcome(sample.refused)
    client.do(SAMPLES["TrackInteraction"].applied)
    return export(client.store)


# -- a whole export into an empty store ----------------------------------------------


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


class Lost(Exception):
    """The process has died, for the test."""


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


# -- into a store that has something -------------------------------------------------


def test_what_comes_in_beside_others_is_an_operation_of_the_log(
    client: Client, lines: list[bytes]
) -> None:
    client.do(op.CreateSession(session_id="mine"))
    report, bad = load(client.store, lines)
    entries = sum(line.startswith(b'{"record":"operation"') for line in lines)
    assert ([], entries) == (bad, report.skipped)
    *_, record = client.see(lambda s: list(s.operations()))
    assert ("ImportRecords", 2, {"a", "b", "c"}) == (
        record.kind,
        record.seq,
        set(record.session_ids),
    )
    thread = client.see(lambda s: s.thread("t1"))
    assert thread is not None
    assert (2, 2) == (thread.created_seq, thread.updated_seq)
    states = client.see(lambda s: [state.values for state in s.states("t1")])
    assert [{"done": 2}, {"done": 1}] == states
    client.do(op.AppendState(thread_id="t1", state_id="s3", values=raw(3)))


def test_again_beside_others_applies_nothing(
    client: Client, lines: list[bytes]
) -> None:
    client.do(op.CreateSession(session_id="mine"))
    load(client.store, lines)
    before = dump(client.store)
    report, bad = load(client.store, lines)
    assert ({}, []) == (report.imported, bad)
    del (after := dump(client.store))["M"], before["M"]
    assert before == after


def test_interactions_keep_their_order_and_stand_before_later_ones(
    client: Client,
) -> None:
    def said(word: str) -> op.TrackInteraction:
        return op.TrackInteraction(
            session_id="a", interaction_id=word, interaction_type="x", timestamp_us=1
        )

    other = Client(MemoryStore())
    other.do(op.CreateSession(session_id="a"))
    for word in ("one", "two", "three"):
        other.do(said(word))
    client.do(op.CreateSession(session_id="mine"))
    load(client.store, export(other.store))
    client.do(said("four"))
    found = client.see(lambda s: [i.interaction_id for i in s.interactions("a")])
    assert ["one", "two", "three", "four"] == found


def test_a_session_that_was_exported_alone_gets_new_numbers(
    client: Client,
) -> None:
    other = Client(MemoryStore())
    build_world(other)
    report, bad = load(client.store, export(other.store, ["a"]))
    assert [] == bad
    assert {"session": 1, "thread": 3, "association": 3, "run": 1, "state": 2} == (
        report.imported
    )
    assert 1 == client.store.seq


def test_what_is_there_and_differs_is_told_and_never_changed(client: Client) -> None:
    other = Client(MemoryStore())
    build_world(other)
    build_world(client)
    client.do(op.UpdateSession(session_id="a", user_id="somebody else"))
    client.do(op.AppendState(thread_id="t1", state_id="mine", values=raw("mine")))
    other.do(op.AppendState(thread_id="t1", state_id="theirs", values=raw("theirs")))
    other.do(op.AppendState(thread_id="t1", state_id="more", values=raw("more")))
    before = dump(client.store)
    report, bad = load(client.store, export(other.store))
    assert {} == report.imported
    assert [
        "session 'a' is there already and differs",
        "state 'theirs', step 3 of 't1', is there already and differs",
        "state 'more', step 4 of 't1', does not follow the one before it",
    ] == [line.why for line in bad]
    assert [13, 27, 28] == [line.line for line in bad]
    del (after := dump(client.store))["M"], before["M"]
    assert before == after


# -- broken files --------------------------------------------------------------------


def test_a_broken_line_is_told_with_its_number_and_the_rest_goes_on(
    store: TreeStore, lines: list[bytes]
) -> None:
    lines[2] = b'{"record":"session"'
    lines[6] = b"\xff\xfe"
    report, bad = load(store, lines)
    assert [3, 7] == [line.line for line in bad][:2]
    assert "truncated" in bad[0].why
    assert sum(report.imported.values()) > 30


def test_what_leans_on_a_broken_line_is_told_as_well(
    store: TreeStore, lines: list[bytes]
) -> None:
    (place,) = (n for n, x in enumerate(lines) if b'"thread","thread_id":"t1"' in x)
    lines[place] = b""
    _, bad = load(store, lines)
    assert "leans on one that is not there" in bad[1].why
    assert "thread 't1', which is not there" in bad[-1].why


@pytest.mark.parametrize("cut", [1, 5, -1])
def test_a_file_that_was_cut_short_is_told_as_such(
    store: TreeStore, lines: list[bytes], cut: int
) -> None:
    report, bad = load(store, lines[:cut])
    assert len(lines[:cut]) - 1 == sum(report.imported.values())
    (line,) = bad
    assert (len(lines[:cut]) + 1, "the end row is missing: the file was cut short") == (
        line.line,
        line.why,
    )


def test_a_line_that_was_cut_short_is_told(
    store: TreeStore, lines: list[bytes]
) -> None:
    data = source(lines).getvalue()
    bad: list[BadLine] = []
    Importer(store, bad.append).run(io.BytesIO(data[:-200]))
    assert 2 == len(bad)
    assert "truncated" in bad[0].why


def test_lines_that_are_missing_or_too_many_are_told(
    store: TreeStore, lines: list[bytes]
) -> None:
    _, bad = load(store, [*lines[:4], *lines[5:]])
    words = f"the end row tells of {len(lines) - 2} rows, not of these"
    assert words in [line.why for line in bad]
    _, bad = load(MemoryStore(), [*lines, lines[1]])
    assert "it stands behind the end row" == bad[-1].why


def test_a_line_beyond_the_limit_is_told_without_being_read(
    store: TreeStore, lines: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_jsonl, "LINE_SIZE_BYTES_MAX", 2_000)
    monkeypatch.setattr(import_jsonl, "CHUNK_SIZE_BYTES", 1_000)
    lines.insert(5, b"[" * 10_000)
    report, bad = load(store, lines)
    assert (6, "it is longer than 2000 bytes") == (bad[0].line, bad[0].why)
    assert len(lines) - 3 == sum(report.imported.values())


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (b"", "no header"),
        (b"SQLite format 3\x00", "no header"),
        (b'{"record":"end","rows":1}', "no header"),
        (
            b'{"record":"weft","format":2,"seq":1,"exported_at_us":1}',
            "format 2; this version reads up to 1",
        ),
    ],
)
def test_what_is_no_export_of_ours_is_refused_before_anything_is_touched(
    store: TreeStore, lines: list[bytes], first: bytes, words: str
) -> None:
    before = dump(store)
    with pytest.raises(NotImportable, match=words):
        load(store, [first, *lines[1:]])
    assert before == dump(store)


# -- rehearsals ----------------------------------------------------------------------


def test_a_rehearsal_tells_what_would_be_and_changes_nothing(
    tmp_path: Path, lines: list[bytes]
) -> None:
    real, scratch = LmdbStore(tmp_path / "real"), LmdbStore(tmp_path / "x", sync=False)
    try:
        client = Client(real)
        client.do(op.CreateSession(session_id="a"))
        before = dump(real)
        rehearsed: list[BadLine] = []
        with real.read() as below:
            first = Importer(scratch, rehearsed.append, below=below).run(source(lines))
        assert before == dump(real)
        second, bad = load(real, lines)
        assert (second, bad) == (first, rehearsed)
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
