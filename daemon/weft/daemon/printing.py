"""Results on stdout: lines, a table, or JSON.

Guarantees:
    * one write for each result; a reader that goes away is no failure;
    * stored text cannot steer a terminal: what is no printable character is escaped;
    * a table is as wide as it must be, and on a terminal never wider than that;
    * colour only on a terminal, and not with ``NO_COLOR``.
"""

import os
import re
import sys
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

__all__ = [
    "Output",
    "bold",
    "clean",
    "counted",
    "cut",
    "emit",
    "print_json",
    "print_lines",
    "print_records",
    "table",
    "terminal_width",
]

Output = Literal["table", "json", "jsonl"]

GAP: Final = "  "
_SPLIT_SECOND: Final = re.compile(r"\.[0-9]+(?=Z$)")

NARROWEST: Final = 8
"""Columns are not cut below this."""

CUT_FIRST: Final = frozenset(
    {"thread_name", "values", "detail", "remedy", "reason", "workflow", "last_error"}
)
"""Fields that can be read when they are cut; half an id or half a time is of no use."""

GIVEN_UP: Final = ("created_at", "version", "outcome", "at", "updated_at", "last_error")
"""Fields that a narrow terminal does without, the first first."""


def print_lines(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, aligned.

    Args:
        pairs: in the order to print; a name may repeat.
    """
    rows = [(name, clean(str(value))) for name, value in pairs]
    width = max((len(name) for name, _ in rows), default=0)
    emit("".join(f"{name:<{width}}  {value}\n" for name, value in rows))


def print_json(value: Any) -> None:
    """Print what msgspec can encode, on one line."""
    emit(_encoded(value))


def print_records(
    records: Iterable[Mapping[str, Any]],
    columns: Mapping[str, str],
    output: str,
    *,
    empty: str = "",
) -> None:
    """Print records as a table, one JSON array, or a JSON object a line.

    Args:
        records: in the order to print.
        columns: the heading and the field of each column of the table.
        output: table, json or jsonl.
        empty: what to say on stderr where a table would have no row.
    """
    if output == "jsonl":
        for record in records:
            emit(_encoded(record))
        return
    found = list(records)
    if output == "json":
        print_json(found)
    elif found:
        emit(_of_records(found, columns))
    elif empty:
        sys.stderr.write(f"weft: {empty}\n")


def _of_records(
    records: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> str:
    rows = [
        [_cell(field, record.get(field)) for field in columns.values()]
        for record in records
    ]
    width = terminal_width()
    kept = _kept(columns, rows, width)
    headings = [list(columns)[index] for index in kept]
    firm = {heading for heading, field in columns.items() if field not in CUT_FIRST}
    cells = [[row[index] for index in kept] for row in rows]
    return table(headings, cells, width, firm)


def _kept(
    columns: Mapping[str, str], rows: Sequence[Sequence[str]], width: int | None
) -> list[int]:
    """Return the columns that are shown: all, if what matters in them fits."""
    fields = list(columns.values())
    needed = [
        min(wide, NARROWEST) if field in CUT_FIRST else wide
        for field, wide in zip(fields, _widths(list(columns), rows), strict=True)
    ]
    kept = list(range(len(fields)))
    for field in GIVEN_UP:
        if width is None or _total([needed[index] for index in kept]) <= width:
            break
        kept = [index for index in kept if fields[index] != field]
    return kept


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None = None,
    firm: Collection[str] = (),
) -> str:
    """Return a table as text.

    Args:
        headings: of the columns.
        rows: cells, as many as there are headings.
        width: to cut it to; that of the terminal, if there is one, where omitted.
        firm: headings of columns that are cut last.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = _widths(headings, cells)
    width = terminal_width() if width is None else width
    if width is not None:
        soft = [index for index, name in enumerate(headings) if name not in firm]
        widths = _fitted(_fitted(widths, width, soft), width, range(len(widths)))
    lines = [bold(_line(headings, widths)), *(_line(row, widths) for row in cells)]
    return "".join(f"{line}\n" for line in lines)


def terminal_width() -> int | None:
    """Return the width of the terminal in columns; None if stdout is none."""
    if not sys.stdout.isatty():
        return None
    given = os.environ.get("COLUMNS", "")
    return (
        int(given)
        if given.isdecimal()
        else os.get_terminal_size(sys.stdout.fileno()).columns
    )


def bold(text: str) -> str:
    """Return text to stand out, where that can be seen and is wanted."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain or not sys.stdout.isatty() else f"\x1b[1m{text}\x1b[0m"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it must be."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def clean(text: str) -> str:
    """Return text with what could steer a terminal escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def cut(text: str, width: int) -> str:
    """Return text of at most so many columns, an ellipsis in place of the rest."""
    if _width(text) <= width:
        return text
    kept, used = [], 0
    for char in text:
        used += _width(char)
        if used > width - 1:
            break
        kept.append(char)
    return "".join(kept) + "…"


def emit(text: str) -> None:
    """Write to stdout at once."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer goes nowhere, or Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for cell, width in zip(cells, widths, strict=True):
        shown = cut(cell, width)
        parts.append(shown + " " * (width - _width(shown)))
    return GAP.join(parts).rstrip()


def _widths(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(_width, column)) for column in zip(headings, *rows, strict=True)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _fitted(widths: Sequence[int], width: int, soft: Iterable[int]) -> list[int]:
    """Take from the widest of some columns until the line fits, or they are narrow."""
    fitted, soft = list(widths), list(soft)
    while soft and _total(fitted) > width:
        widest = max(soft, key=fitted.__getitem__)
        if fitted[widest] <= NARROWEST:
            break
        fitted[widest] -= 1
    return fitted


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(char)
        else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def _cell(field: str, value: Any) -> str:
    shown = _encoded(value).rstrip("\n")
    match value:
        case None:
            shown = "-"
        case str():
            timed = field == "at" or field.endswith("_at")
            shown = _SPLIT_SECOND.sub("", value) if timed else value
        case bool():
            shown = "yes" if value else "no"
        case list() if all(isinstance(item, str) for item in value):
            shown = ",".join(value) or "-"
    return shown


def _encoded(value: Any) -> str:
    import msgspec

    return msgspec.json.encode(value).decode() + "\n"
