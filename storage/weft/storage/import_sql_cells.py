"""The cells of one row, read one by one: what cannot be used is told, not passed on.

Values come as SQLite has them, whatever a column was declared as, or as the objects of
a running program have them.

Guarantees: a cell that cannot be used gives None, and one finding with its place.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from weft.storage.errors import InvalidArgument
from weft.storage.ids import check_id, check_name
from weft.storage.import_report import Drift, TellDrift
from weft.storage.operations import encode_mapping
from weft.storage.records import EMPTY

__all__ = ["Cells"]

UNREADABLE: Final = "unreadable"
"""Under which metadata that is no JSON object is kept as it was."""

KEPT_CHARACTERS_MAX: Final = 1_000_000
"""Of what is larger than a value may be."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_YEAR_1_S: Final = -62_135_596_800
_YEAR_10000_S: Final = 253_402_300_800
"""What is larger counts milliseconds, or else microseconds."""

_TRUTHS: Final = {
    **dict.fromkeys((1, "1", "t", "true", "yes", "on"), True),
    **dict.fromkeys((0, "0", "f", "false", "no", "off"), False),
}


class Cells:
    """One row.

    Args:
        table: what it is a row of.
        row: its number there.
        values: the cells by name; a missing one counts as NULL.
        tell: told of every cell that cannot be used.

    Attributes:
        values: the cells as they are.
    """

    def __init__(
        self, table: str, row: int, values: Mapping[str, Any], tell: TellDrift
    ) -> None:
        self._table = table
        self.row = row
        self.values = values
        self._tell = tell
        self._ids: dict[str, str] = {}

    def drift(self, kind: str, why: str) -> None:
        """Tell that something is wrong in this row."""
        self._tell(Drift(kind, self._table, self.row, why, **self._ids))

    def key(self, name: str) -> str | None:
        """Return the id of a session or thread that the row cannot do without."""
        try:
            found = check_id(self.values.get(name), name)
        except InvalidArgument as error:
            self.drift("refused_id", f"{error.message.removesuffix('.')}")
            return None
        self._ids[name] = found
        return found

    def id(self, name: str) -> str | None:
        """Return an id that may be missing."""
        return self._checked(name, check_id, "bad_value")

    def name(self, name: str, *, required: bool = False) -> str | None:
        """Return a thread's name."""
        if required and self.values.get(name) is None:
            self.drift("bad_name", f"{name} is NULL")
        return self._checked(name, check_name, "bad_name")

    def word(self, name: str) -> str | None:
        """Return what something is called that is no thread."""
        return self._checked(name, check_name, "bad_value")

    def _checked(self, name: str, check: Any, kind: str) -> str | None:
        value = self.values.get(name)
        if value is None:
            return None
        try:
            found: str = check(value, name)
        except InvalidArgument as error:
            self.drift(kind, error.message.removesuffix("."))
            return None
        return found

    def text(self, name: str) -> str | None:
        """Return text of any length that is valid Unicode; a number counts as text."""
        value = self.values.get(name)
        if type(value) is int:
            return str(value)
        try:
            if value is None or value.encode():
                return value
        except (AttributeError, UnicodeEncodeError):
            self.drift("bad_value", f"{name} is {value!r:.100}, no text")
        return None

    def truth(self, name: str, *, default: bool) -> bool:
        """Return a truth value; NULL is none."""
        value = self.values.get(name, default)
        found = _TRUTHS.get(value.lower() if isinstance(value, str) else value)
        if found is None:
            self.drift("bad_value", f"{name} is {value!r:.100}, neither true nor false")
            return default
        return found

    def count(self, name: str) -> int | None:
        """Return a number from 1."""
        value = self.values.get(name)
        if value is None or (type(value) is int and 1 <= value < 1 << 62):
            return value
        self.drift("bad_value", f"{name} is {value!r:.100}, no number from 1")
        return None

    def times(self, *, required: bool) -> tuple[int | None, int | None]:
        """Return when the row was created and updated, in microseconds."""
        created = self._time("created_at", required=required)
        updated = self._time("updated_at", required=required)
        if created is not None and updated is not None and updated < created:
            self.drift("bad_time", "updated_at is before created_at")
            updated = created
        created = updated if created is None else created
        return created, created if updated is None else updated

    def _time(self, name: str, *, required: bool) -> int | None:
        value = self.values.get(name)
        if value is None and not required:
            return None
        try:
            return time_us(value)
        except (ValueError, TypeError, OverflowError):
            shown = "NULL" if value is None else f"{value!r:.100}"
            self.drift("bad_time", f"{name} is {shown}, no time")
            return None

    def mapping(self, name: str) -> msgspec.Raw:
        """Return free data, encoded; what is no JSON object is kept as text."""
        value = self.values.get(name)
        if value is None or value == "":
            return EMPTY
        try:
            data = json.loads(value) if isinstance(value, str | bytes) else value
            return encode_mapping(data, name)
        except InvalidArgument as error:
            why = error.message.removesuffix(".")
        except (ValueError, RecursionError) as error:
            why = f"{name} is no JSON: {error}"
        self.drift("bad_metadata", why)
        return _kept(value)

    def items(self, name: str) -> list[Any] | None:
        """Return a list, or the text of one; None for what is neither."""
        value = self.values.get(name)
        if isinstance(value, str | bytes):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as error:
                self.drift("bad_list", f"{name} is no JSON: {error}")
                return None
        if isinstance(value, set | frozenset):
            return sorted(value, key=str)
        if value is None or isinstance(value, list | tuple):
            return None if value is None else list(value)
        self.drift("bad_list", f"{name} is no list")
        return None


def time_us(value: Any) -> int:
    """Return a time in microseconds since the Unix epoch.

    Args:
        value: a datetime, ISO 8601 text, or a number since the epoch, of seconds,
            milliseconds or microseconds by its size; without a zone it is UTC.

    Raises:
        ValueError: it is no time.
        TypeError: it is no time at all.
    """
    if isinstance(value, str):
        value = _of_text(value.strip())
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        value = (aware - _EPOCH) // _MICROSECOND
        if _YEAR_1_S * 1_000_000 <= value < _YEAR_10000_S * 1_000_000:
            return int(value)
        raise ValueError(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    for unit_us in (1_000_000, 1_000, 1):
        found = round(value * unit_us)
        if _YEAR_1_S * 1_000_000 <= found < _YEAR_10000_S * 1_000_000:
            return found
    raise ValueError(value)


def _of_text(text: str) -> datetime | int | float:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return float(text)


def _kept(value: Any) -> msgspec.Raw:
    if isinstance(value, str):
        value = value.encode(errors="backslashreplace").decode()
    elif not isinstance(value, bytes):
        value = repr(value)
    try:
        return encode_mapping({UNREADABLE: value}, "metadata")
    except InvalidArgument:  # too large even as it is
        return encode_mapping({UNREADABLE: value[:KEPT_CHARACTERS_MAX]}, "metadata")
