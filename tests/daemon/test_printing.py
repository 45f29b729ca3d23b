"""Results come out whole, and a reader that goes away is no failure."""

import re
import subprocess
import sys

import pytest

from tests.daemon.child import DEADLINE_S, environment
from weft.daemon.printing import (
    clean,
    cut,
    print_json,
    print_lines,
    print_records,
    table,
)


def test_lines_are_aligned_and_names_may_repeat(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_lines([("found", 2), ("finding", "one"), ("finding", "two")])
    assert "found    2\nfinding  one\nfinding  two\n" == capsys.readouterr().out


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"words": "two\nlines", "number": 1})
    assert '{"words":"two\\nlines","number":1}\n' == capsys.readouterr().out


def test_a_reader_that_goes_away_is_no_failure() -> None:
    script = (
        "import sys\n"
        "from weft.daemon.printing import print_lines\n"
        "sys.stdin.read()\n"
        "print_lines([('number', n) for n in range(100_000)])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.close()
        child.stdout = None
        _, talk = child.communicate(timeout=DEADLINE_S)
    assert (0, b"") == (child.returncode, talk)


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (None, "A     NAME\nshort  a long value with many words\n"),
        (20, "A      NAME\nshort  a long value…\n"),
    ],
)
def test_a_table_is_cut_at_its_widest_column(width: int | None, expected: str) -> None:
    row = ["short", "a long value with many words"]
    drawn = table(["A", "NAME"], [row], width)
    assert expected.replace("A     N", "A      N") == drawn


def test_what_could_steer_a_terminal_is_escaped() -> None:
    assert "a\\x1b[2Jb\\n" == clean("a\x1b[2Jb\n")
    assert "äöü 日本" == clean("äöü 日本")


def test_wide_characters_count_twice() -> None:
    assert "日本" == cut("日本", 4)
    assert "日…" == cut("日本", 3)


def test_records_are_a_table_an_array_or_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = [{"at": "2030-01-02T03:04:05.678901Z", "ids": ["a", "b"], "n": None}]
    columns = {"AT": "at", "IDS": "ids", "N": "n"}
    print_records(records, columns, "table")
    heading, line = capsys.readouterr().out.splitlines()
    assert ["2030-01-02T03:04:05Z", "a,b", "-"] == line.split()
    assert heading.startswith("AT ")
    print_records(records, columns, "json")
    print_records(records * 2, columns, "jsonl")
    one = '{"at":"2030-01-02T03:04:05.678901Z","ids":["a","b"],"n":null}'
    assert f"[{one}]\n{one}\n{one}\n" == capsys.readouterr().out


def test_a_narrow_terminal_keeps_ids_whole_and_does_without_times(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = {
        "thread_id": "01a20588-8f6e-7004-bbc0-046843e147aa",
        "thread_name": "a name that is much longer than others",
        "updated_at": "2030-01-02T03:04:05Z",
    }
    columns = {"THREAD": "thread_id", "NAME": "thread_name", "UPDATED": "updated_at"}
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for given, expected in {"60": "THREAD NAME", "90": "THREAD NAME UPDATED"}.items():
        monkeypatch.setenv("COLUMNS", given)
        print_records([thread], columns, "table")
        heading, line = capsys.readouterr().out.splitlines()
        assert expected.split() == re.sub(r"\x1b\[[01]m", "", heading).split()
        assert line.startswith(thread["thread_id"])
        assert int(given) >= len(line)
