"""An export whose log has broken rows leaves a log without a gap."""

from pathlib import Path

import pytest

from tests.storage.client import Client, in_memory
from tests.storage.importing import Lost, load, source, world_lines
from weft.storage import CreateSession, LmdbStore, import_jsonl
from weft.storage.check import check
from weft.storage.examine import examine_here
from weft.storage.import_jsonl import Importer
from weft.storage.rows import Row, read_row
from weft.storage.store import TreeStore

store = pytest.fixture(in_memory)
lines = pytest.fixture(world_lines)


def places(lines: list[bytes]) -> dict[int, int]:
    """Return where the rows of applied operations stand, by their numbers."""
    found = {}
    for number, line in enumerate(lines):
        row = read_row(line)
        if isinstance(row, Row) and row.place is not None and row.place[1] == 0:
            found[row.place[0]] = number
    return found


@pytest.mark.parametrize("broken", [{2}, {2, 5}, {3, 4}])
def test_what_stands_before_the_last_broken_row_of_the_log_goes(
    store: TreeStore, lines: list[bytes], broken: set[int]
) -> None:
    at, last = places(lines), max(places(lines))
    for seq in broken:
        lines[at[seq]] = b"{"
    _, bad = load(store, lines)
    assert sorted(at[seq] + 1 for seq in broken) == [line.line for line in bad]
    with store.read() as snapshot:
        assert [] == check(snapshot).inconsistencies
        assert snapshot.operation("op-1") is None
        kept = snapshot.operation(f"op-{max(broken) + 1}")
        assert kept is not None
    assert last + 1 == store.seq  # the log says that entries were forgotten
    outcome = Client(store).outcome(CreateSession(session_id="new", op_id="new"))
    assert last + 2 == outcome.seq


def test_a_broken_last_row_of_the_log_does_not_give_its_number_away(
    store: TreeStore, lines: list[bytes]
) -> None:
    at = places(lines)
    for number in range(at[max(at)], 1 + max(at.values())):
        lines[number] = b"{"
    load(store, lines)
    with store.read() as snapshot:
        assert [] == check(snapshot).inconsistencies
    outcome = Client(store).outcome(CreateSession(session_id="new", op_id="new"))
    assert outcome.seq is not None
    assert outcome.seq > max(at)


def test_a_store_with_what_was_left_of_a_log_is_sound_after_a_restart(
    tmp_store: Path, lines: list[bytes]
) -> None:
    lines[places(lines)[4]] = b"{"
    on_disk = LmdbStore(tmp_store)
    load(on_disk, lines)
    on_disk.close()
    assert [] == examine_here(tmp_store / "store").damages


def test_an_import_that_died_before_its_log_was_closed_is_completed_by_the_next(
    store: TreeStore, lines: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines[places(lines)[4]] = b"{"

    def die(*_: object) -> None:
        raise Lost

    with monkeypatch.context() as patch:
        patch.setattr(import_jsonl, "close_log", die)
        with pytest.raises(Lost):
            load(store, lines)
    with store.read() as snapshot:
        assert ["log_gap"] == [one.kind for one in check(snapshot).inconsistencies]
    load(store, lines, resume=True)
    with store.read() as snapshot:
        assert [] == check(snapshot).inconsistencies


def test_a_rehearsal_of_a_broken_file_says_the_same(
    store: TreeStore, lines: list[bytes]
) -> None:
    lines[places(lines)[4]] = b"{"
    told: list[object] = []
    with in_memory().read() as below:
        Importer(store, told.append, below=below).run(source(lines))
    _, bad = load(in_memory(), lines)
    assert bad == told
