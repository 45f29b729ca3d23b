"""Results come out whole, and a reader that goes away is no failure."""

import subprocess
import sys

import pytest

from tests.daemon.child import DEADLINE_S, environment
from weft.daemon.printing import print_json, print_lines


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
