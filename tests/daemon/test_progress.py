"""Progress is shown where it is looked at, and nowhere else."""

import io
import json

import pytest

from weft.daemon.progress import (
    BAR_AFTER_S,
    JSON_INTERVAL_S,
    LINE_INTERVAL_S,
    progress,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_without_a_terminal_a_line_comes_now_and_then() -> None:
    file, clock = io.StringIO(), Clock()
    with progress("replay", file=file, clock=clock) as show:
        show(1, 2_000)
        assert file.getvalue() == ""
        clock.now_s += LINE_INTERVAL_S
        show(1_000, 2_000)
        show(1_001, 2_000)
        clock.now_s += LINE_INTERVAL_S
        show(2_000, 2_000)
    expected = (
        "weft: replay: 1,000 of 2,000, 100 a second, 10 s left\n"
        "weft: replay: 2,000 of 2,000, 100 a second, 0 s left\n"
    )
    assert expected == file.getvalue()


def test_a_terminal_gets_a_bar_with_rate_once_a_second_has_passed() -> None:
    file, clock = Terminal(), Clock()
    with progress("replay", file=file, clock=clock) as show:
        show(1, 10)
        assert "" == file.getvalue()
        clock.now_s += BAR_AFTER_S
        show(5, 10)
    assert "replay" in file.getvalue()
    assert "5/10" in file.getvalue()
    assert "5.0/s" in file.getvalue()


def test_lines_of_json_come_every_second_with_jsonl() -> None:
    file, clock = Terminal(), Clock()
    with progress("check", output="jsonl", file=file, clock=clock) as show:
        show(1, 10)
        clock.now_s += JSON_INTERVAL_S
        show(4, 10)
        show(5, 10)
    expected = {"job": "check", "done": 4, "total": 10, "per_second": 4.0}
    assert expected | {"left_s": 1.5} == json.loads(file.getvalue())


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_a_quiet_one_shows_nothing(kind: type[io.StringIO]) -> None:
    file, clock = kind(), Clock()
    with progress("replay", quiet=True, file=file, clock=clock) as show:
        clock.now_s += LINE_INTERVAL_S
        show(5, 10)
    assert file.getvalue() == ""


def test_progress_is_talk_and_goes_to_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    with progress("check", clock=clock) as show:
        clock.now_s += LINE_INTERVAL_S
        show(5, 10)
    assert (
        "",
        "weft: check: 5 of 10, 0.5 a second, 10 s left\n",
    ) == capsys.readouterr()
