"""What is wrong with a file that is imported is told, line by line."""

import io

import pytest

from tests.storage.client import dump, in_memory
from tests.storage.importing import load, source, world_lines
from weft.storage import MemoryStore, import_jsonl
from weft.storage.import_jsonl import Importer
from weft.storage.import_report import BadLine, NotImportable
from weft.storage.store import TreeStore

store = pytest.fixture(in_memory)
lines = pytest.fixture(world_lines)


def test_a_broken_line_is_told_with_its_number_and_the_rest_goes_on(
    store: TreeStore, lines: list[bytes]
) -> None:
    lines[2] = b'{"record":"session"'
    lines[6] = b"\xff\xfe"
    report, bad = load(store, lines)
    assert [3, 7] == [line.line for line in bad]
    assert "truncated" in bad[0].why
    assert "malformed" in bad[1].why
    assert len(lines) - 2 - 2 == sum(report.imported.values())


def test_what_leans_on_a_broken_line_is_told_as_well(
    store: TreeStore, lines: list[bytes]
) -> None:
    (place,) = (n for n, x in enumerate(lines) if b'"thread","thread_id":"t1"' in x)
    lines[place] = b""
    report, bad = load(store, lines)
    assert [place + 1, place + 2] == [line.line for line in bad][:2]
    assert "leans on one that is not there" in bad[1].why
    assert ["thread 't1', which is not there"] * 2 == [
        line.why.partition("leans on ")[2] for line in bad[2:]
    ]
    assert len(lines) - 2 - 4 == sum(report.imported.values())


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
    assert [len(lines) - 1, len(lines)] == [line.line for line in bad]
    assert "truncated" in bad[0].why
    assert "the end row is missing" in bad[1].why


def test_lines_that_are_missing_or_too_many_are_told(
    store: TreeStore, lines: list[bytes]
) -> None:
    _, bad = load(store, [*lines[:4], *lines[5:]])
    words = f"the end row tells of {len(lines) - 2} rows, not of these"
    assert [words] == [line.why for line in bad]
    _, bad = load(MemoryStore(), [*lines, lines[1]])
    assert ["it stands behind the end row"] == [line.why for line in bad]


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
