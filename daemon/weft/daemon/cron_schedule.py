"""When a cron is due: five fields and a time zone.

Guarantees:
    * a due time is the same whoever asks for it and when;
    * what would never be due is refused, like what cannot be read;
    * changes of the clock are met as by Debian's cron: what was due in an hour that is
      left out is due right after it, a fixed time of an hour that comes twice is due
      once, and what is due every hour or minute goes by the time that really passes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from weft.storage.records import datetime_from_us

__all__ = ["Schedule", "ScheduleError", "us_of"]

FIELDS: Final = 5

SHORT: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_BEGIN: Final = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class ScheduleError(ValueError):
    """There is no such schedule.

    Args:
        field: which of both is wrong, ``schedule`` or ``timezone``.
        words: what is wrong with it.
    """

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


class Schedule:
    """The times at which a cron is due.

    Args:
        expression: minute, hour, day of the month, month, day of the week; or a short
            form such as ``@daily``.
        timezone: by its IANA name; None for UTC.

    Raises:
        ScheduleError: there is no such schedule.
    """

    __slots__ = ("_expression", "_zone")

    def __init__(self, expression: str, timezone: str | None = None) -> None:
        self._expression = SHORT.get(expression.strip().lower(), expression)
        self._zone = _zone(timezone)
        if len(self._expression.split()) != FIELDS:
            words = "it has five fields: minute, hour, day, month, day of the week"
            raise ScheduleError("schedule", words)
        try:
            first = next(self._from(_BEGIN), None)
        except CronSimError as error:
            raise ScheduleError("schedule", str(error)) from error
        if first is None:
            raise ScheduleError("schedule", "no day is like that within 50 years")

    def next_after(self, moment_us: int) -> int | None:
        """Return the first due time after a moment, in microseconds; None for none."""
        moment = datetime_from_us(moment_us)
        for found in self._from(moment):
            # Where the clock was put back, the search begins an hour early.
            due_us = us_of(found)
            if due_us > moment_us:
                return due_us
        return None

    def last_within(self, after_us: int, until_us: int) -> int | None:
        """Return the last due time after a moment and not after another.

        It looks at each of them: for a short time in between.
        """
        last_us, due_us = None, self.next_after(after_us)
        while due_us is not None and due_us <= until_us:
            last_us, due_us = due_us, self.next_after(due_us)
        return last_us

    def _from(self, moment: datetime) -> Iterator[datetime]:
        return CronSim(self._expression, moment.astimezone(self._zone))


def _zone(name: str | None) -> tzinfo:
    if name is None or name.upper() == "UTC":
        return UTC  # has no changes to be looked for
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown, no name, a directory
        words = f"there is no time zone {name!r} on this machine"
        raise ScheduleError("timezone", words) from error


def us_of(moment: datetime) -> int:
    """Return a moment in microseconds since the Unix epoch; one without zone is UTC.

    Raises:
        OverflowError: it lies beyond the calendar.
    """
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (aware.astimezone(UTC) - _EPOCH) // _MICROSECOND
