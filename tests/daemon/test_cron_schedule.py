"""When crons are due, changes of the clock among it."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from weft.daemon.cron_schedule import Schedule, ScheduleError, us_of
from weft.storage.records import datetime_from_us

BERLIN = "Europe/Berlin"
HOUR_US = 3_600_000_000
YEAR_US = 365 * 24 * HOUR_US
NOW_US = us_of(datetime(2026, 3, 1, tzinfo=UTC))

MOMENTS = st.integers(NOW_US, NOW_US + YEAR_US)
EXPRESSIONS = st.sampled_from(
    [
        "* * * * *",
        "*/5 * * * *",
        "30 2 * * *",
        "15,45 1-3 * * *",
        "0 */6 * * *",
        "0 0 1 * *",
        "30 2 L * *",
        "0 3 * * SUN",
        "0 9 * * MON-FRI",
        "@daily",
    ]
)
ZONES = st.sampled_from([None, BERLIN, "America/New_York", "Australia/Lord_Howe"])


def due(schedule: Schedule, after: datetime, times: int) -> list[str]:
    """Return the first due times after a moment, in UTC."""
    found, at_us = [], us_of(after)
    for _ in range(times):
        next_us = schedule.next_after(at_us)
        assert next_us is not None
        found.append(f"{datetime_from_us(next_us):%d. %H:%M}")
        at_us = next_us
    return found


def test_it_is_due_after_a_moment_and_never_at_it() -> None:
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert ["04. 12:05", "04. 12:10"] == due(Schedule("*/5 * * * *"), noon, 2)


def test_a_time_zone_is_that_of_its_people() -> None:
    winter, summer = datetime(2026, 1, 4), datetime(2026, 7, 4)  # noqa: DTZ001 - UTC
    nine = Schedule("0 9 * * *", BERLIN)
    assert ["04. 08:00"] == due(nine, winter, 1)
    assert ["04. 07:00"] == due(nine, summer, 1)


def test_what_is_due_in_the_hour_that_is_left_out_is_due_right_after_it() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    times = due(Schedule("30 2 * * *", BERLIN), before, 2)
    assert ["29. 01:00", "30. 00:30"] == times  # 03:00 and 02:30 of summer


def test_a_fixed_time_of_an_hour_that_comes_twice_is_due_once() -> None:
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    times = due(Schedule("30 2 * * *", BERLIN), before, 2)
    assert ["25. 00:30", "26. 01:30"] == times


def test_every_hour_is_due_in_both_of_the_hours_that_are_alike() -> None:
    before = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    times = due(Schedule("30 * * * *", BERLIN), before, 3)
    assert ["25. 00:30", "25. 01:30", "25. 02:30"] == times


def test_who_asks_in_the_second_of_two_hours_is_told_of_none_that_has_passed() -> None:
    second = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 for the second time
    assert ["26. 01:30"] == due(Schedule("30 2 * * *", BERLIN), second, 1)


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS, ZONES, MOMENTS, st.integers(0, 24 * HOUR_US))
def test_due_times_are_the_same_wherever_one_begins_to_look(
    expression: str, zone: str | None, begin_us: int, step_us: int
) -> None:
    schedule = Schedule(expression, zone)
    times = [begin_us]
    for _ in range(4):
        next_us = schedule.next_after(times[-1])
        assert next_us is not None
        times.append(next_us)
    for before_us, after_us in pairwise(times):
        assert before_us < after_us
        between_us = min(before_us + step_us, after_us - 1)
        assert after_us == schedule.next_after(between_us)
    assert times[-1] == schedule.last_within(begin_us, times[-1])


def test_the_last_due_time_within_a_span_is_found() -> None:
    schedule = Schedule("*/5 * * * *")
    noon_us = us_of(datetime(2026, 5, 4, 12, tzinfo=UTC))
    minute_us = HOUR_US // 60
    assert noon_us == schedule.last_within(noon_us - minute_us, noon_us)
    assert None is schedule.last_within(noon_us, noon_us + 4 * minute_us)
    assert noon_us + 10 * minute_us == schedule.last_within(
        noon_us, noon_us + 12 * minute_us
    )


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "* * * * * *", "60 * * * *", "@often", "0 0 30 2 *", "a b c d e"],
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        Schedule(expression)
    assert "schedule" == refused.value.field


def test_what_is_never_due_is_refused() -> None:
    with pytest.raises(ScheduleError, match="no day is like that within 50 years"):
        Schedule("* * */29 2 SUN#5", BERLIN)


@pytest.mark.parametrize(
    "zone", ["", "Mars/Olympus", "../etc/passwd", "America", "zone.tab", "x" * 5000]
)
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ScheduleError, match="there is no time zone") as refused:
        Schedule("* * * * *", zone)
    assert "timezone" == refused.value.field


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text("0123456789*/,-#LW MONJAN?²٣", max_size=7), min_size=5, max_size=5)
)
@example(["0", "0", "L/2", "*", "*"])
@example(["0", "0", "*", "*", "2L#1"])
def test_any_other_text_is_a_schedule_or_refused(parts: list[str]) -> None:
    try:
        schedule = Schedule(" ".join(parts))
    except ScheduleError:
        return
    next_us = schedule.next_after(NOW_US)
    assert next_us is None or next_us > NOW_US


def test_a_moment_without_zone_is_one_of_utc() -> None:
    plain = datetime(2026, 5, 4, 12)  # noqa: DTZ001 - as clients may send it
    assert us_of(datetime(2026, 5, 4, 12, tzinfo=UTC)) == us_of(plain)
