"""The pauses between the attempts of a webhook."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from weft.daemon.webhook_retry import LONGEST_S, pause_after, seconds_in

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def test_pauses_double_up_to_the_longest() -> None:
    pauses = [pause_after(attempt, chance=lambda: 1.0) for attempt in range(1, 40)]
    assert [1.0, 2.0, 4.0, 8.0] == pauses[:4]
    assert all(one <= next_ for one, next_ in pairwise(pauses))
    assert LONGEST_S == pauses[-1] == pause_after(10**9, chance=lambda: 1.0)


def test_up_to_half_of_a_pause_is_left_to_chance() -> None:
    assert 4.0 == pause_after(4, chance=lambda: 0.0)
    assert 6.0 == pause_after(4, chance=lambda: 0.5)


def test_what_the_receiver_asks_for_is_waited_for() -> None:
    assert 90.0 == pause_after(1, 90.0)
    assert 8.0 == pause_after(4, 3.0, chance=lambda: 1.0)
    assert LONGEST_S == pause_after(1, float("inf"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("9" * 400, float("inf")),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 12:01:30 -0000", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
    ],
)
def test_a_time_to_come_again_is_seconds_or_a_date(
    text: str, expected: float | None
) -> None:
    assert expected == seconds_in(text, NOW)
