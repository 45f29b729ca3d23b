"""Rows: what is written is read back, and what is no row is refused with the reason."""

import msgspec
import pytest

from weft.storage.operations import encode_value as raw
from weft.storage.records import (
    EMPTY,
    NIL,
    OperationRecord,
    Run,
    Session,
    State,
    StepResult,
)
from weft.storage.rows import (
    KINDS,
    BadRow,
    End,
    GraphEntry,
    Header,
    Row,
    read_row,
    write_row,
)

SESSION = Session("s", None, "open", raw({"b": b"\x00", "$x": 1}), 1, 2, 1, 3, 4)
STATE = State("x", "t", None, 1, raw(float("nan")), EMPTY, None, 5, 1, 6, 6)
RUN = Run(
    "r", "t", "w", "", EMPTY, "error", 1, {"type": "E", "message": "m"}, NIL, 1, 2, 3,
    1, 4, 5,
)  # fmt: skip
ENTRY = OperationRecord(
    "o", None, "CreateSession", ("s",), (), "refused", raw(["X", "y"]), 7, 8, NIL
)
STEP = StepResult("r", "pay", raw([None, b"x"]), 2, 5, 1, 6, 6)
ROWS = [
    Row(SESSION),
    Row(STATE),
    Row(RUN),
    Row(STEP),
    Row(ENTRY, (4, 1)),
    Row(GraphEntry("t", b"\x00k", b"\xffv")),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: KINDS[type(row.record)])
def test_a_row_comes_back_as_it_was(row: Row) -> None:
    line = write_row(row)
    assert row == read_row(line)
    assert line == write_row(row)
    assert b"\n" not in line


def test_a_row_can_be_read_by_people() -> None:
    found = msgspec.json.decode(write_row(Row(SESSION)))
    assert "session" == next(iter(found.values()))
    assert {"b": {"$bytes": "AA=="}, "$x": 1} == found["metadata"]
    assert (1, 2) == (found["created_at_us"], found["updated_at_us"])


def test_header_and_end_are_told_apart() -> None:
    header = Header(format=1, seq=2, exported_at_us=3, sessions=["a"])
    assert header == read_row(msgspec.json.encode(header))
    assert End(7) == read_row(msgspec.json.encode(End(7)))


GOOD = write_row(Row(SESSION)).decode()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (GOOD[:-9], "truncated"),
        ("", "truncated"),
        ("[]", "array"),
        ('{"record":"what"}', "Invalid value 'what'"),
        ('{"record":"session","session_id":"s"}', "missing required field"),
        (GOOD.replace('"open"', '"ajar"'), "Invalid enum value 'ajar'"),
        (GOOD.replace('"s"', '"s\\u0001"'), "control characters"),
        (GOOD.replace('"s"', f'"{"s" * 101}"'), "101 UTF-8 bytes"),
        (GOOD.replace('"s"', "1"), "Expected `str`"),
        (GOOD.replace("AA==", "*"), "base64"),
        (GOOD[:-1] + ',"more":1}', "unknown field `more`"),
        (GOOD + "x", "trailing"),
    ],
)
def test_a_line_that_is_no_row_is_refused_with_the_reason(line: str, why: str) -> None:
    with pytest.raises(BadRow) as caught:
        read_row(line.encode())
    assert why in str(caught.value)


def test_a_place_is_two_numbers_that_keys_can_hold() -> None:
    line = write_row(Row(ENTRY, (4, 1))).replace(b"[4,1]", b"[-4,1]")
    with pytest.raises(BadRow):
        read_row(line)


def test_a_row_holds_no_value_that_another_python_could_not_read() -> None:
    line = write_row(Row(SESSION))
    deep = b"[" * 129 + b"]" * 129
    with pytest.raises(BadRow, match="metadata nests deeper than the 128 levels"):
        read_row(line.replace(b'{"$bytes":"AA=="}', deep))
