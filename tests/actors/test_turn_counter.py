"""The counter of turns: it counts as two histograms would."""

from __future__ import annotations

import pytest

from weft.actors.turn_counter import TurnCounter
from weft.storage.statistics import HISTOGRAM_BUCKETS, Histogram


@pytest.mark.parametrize("wait_ns", [0, 1, 1_000, 1 << (HISTOGRAM_BUCKETS + 5)])
@pytest.mark.parametrize("turn_ns", [0, 7, 30_000, 1 << (HISTOGRAM_BUCKETS + 5)])
def test_a_turn_counts_as_in_a_histogram_each(wait_ns: int, turn_ns: int) -> None:
    counter = TurnCounter()
    wait, turn = Histogram(), Histogram()
    for _ in range(2):
        counter.observe(wait_ns, turn_ns)
        wait.observe(wait_ns)
        turn.observe(turn_ns)
    assert wait.snapshot() == counter.mailbox_wait.snapshot()
    assert turn.snapshot() == counter.turn_time.snapshot()


def test_mail_posted_after_the_turn_before_it_ended_did_not_wait() -> None:
    counter = TurnCounter()
    counter.observe(-500, 1_000)
    waited = Histogram()
    waited.observe(0)
    assert waited.snapshot() == counter.mailbox_wait.snapshot()
    assert 1_000 == counter.turn_time.snapshot().total
