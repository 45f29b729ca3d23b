"""The workflow of replays counts each line once."""

from typing import Any

import msgspec

from weft.actors import ExecutionContext
from weft.daemon.chat import chat


def context(state: dict[str, Any] | None) -> ExecutionContext:
    made = ExecutionContext("garden", "garden#0", "garden#0", "run", 1)
    made.state_raw = msgspec.Raw(msgspec.msgpack.encode(state))
    return made


def line(number: int, author: str) -> dict[str, Any]:
    return {
        "line": number,
        "author": author,
        "time": "12:00",
        "text": f"line {number}",
        "action": False,
    }


def test_the_first_line_begins_the_counts() -> None:
    expected = line(7, "ann") | {"lines": 1, "authors": {"ann": 1}}
    assert expected == chat(context(None), line(7, "ann"))


def test_the_next_line_goes_on_counting() -> None:
    first = chat(context(None), line(7, "ann"))
    second = chat(context(first), line(9, "bob"))
    third = chat(context(second), line(10, "ann"))
    expected = line(10, "ann") | {"lines": 3, "authors": {"ann": 2, "bob": 1}}
    assert expected == third


def test_a_line_that_stands_already_adds_nothing() -> None:
    state = chat(context(None), line(7, "ann"))
    assert chat(context(state), line(7, "ann")) is None
    assert chat(context(state), line(6, "ann")) is None
