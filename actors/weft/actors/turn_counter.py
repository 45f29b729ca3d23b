"""The counter of turns: how long mail waits and how long its turn takes.

Every turn of the process is counted here, two histograms for each kind.

Guarantees:
    - Counting takes no lock: only the dispatcher OS thread does it.
    - A turn counts in exactly one bucket of each histogram; a wait that seems negative
      counts as none.

Times are in ns. When a turn began and ended is the dispatcher's business, publishing
the numbers that of the metrics.
"""

from __future__ import annotations

from typing import Final

import msgspec

from weft.storage.statistics import HISTOGRAM_BUCKETS, Histogram, HistogramSnapshot

__all__ = ["SYSTEM_KIND", "DispatcherStatistics", "TurnCounter"]

SYSTEM_KIND: Final = "system"
"""The kind under which turns of cells without a kind of their own are counted."""


class DispatcherStatistics(msgspec.Struct, frozen=True):
    """What a dispatcher has done so far.

    Attributes:
        turns: messages handled.
        dead_letters: messages whose actor was gone.
        queued: messages waiting now.
        mailbox_wait: from the posting to the start of the turn, in ns, by actor kind.
        turn_time: from the start to the end of the turn, in ns, by actor kind.
        dead_letters_by_reason: the same dead letters, by
            :class:`~weft.actors.dead_letters.Reason`.
        refused: messages for which there was no room, so that they were not posted.
        long_turns: turns that the watchdog reported, by actor kind.
        crashes: how often the dispatcher's loop broke and went on.
        lag_ns: since when the oldest message waits; 0 if none does.
    """

    turns: int
    dead_letters: int
    queued: int
    mailbox_wait: dict[str, HistogramSnapshot]
    turn_time: dict[str, HistogramSnapshot]
    dead_letters_by_reason: dict[str, int] = {}
    refused: int = 0
    long_turns: dict[str, int] = {}
    crashes: int = 0
    lag_ns: int = 0


class TurnCounter:
    """The histograms of one kind of actor; only the dispatcher OS thread writes."""

    __slots__ = ("mailbox_wait", "turn_time")

    def __init__(self) -> None:
        self.mailbox_wait = Histogram()
        self.turn_time = Histogram()

    def observe(self, wait_ns: int, turn_ns: int) -> None:
        """Count one turn: two ``Histogram.observe`` in one call, 7 % of a hop."""
        # Posted after the turn before it ended: it did not wait. max() costs 60 ns.
        if wait_ns < 0:  # noqa: PLR1730
            wait_ns = 0
        bucket = wait_ns.bit_length()
        histogram = self.mailbox_wait
        histogram.counts[bucket if bucket < HISTOGRAM_BUCKETS else -1] += 1
        histogram.total += wait_ns
        bucket = turn_ns.bit_length()
        histogram = self.turn_time
        histogram.counts[bucket if bucket < HISTOGRAM_BUCKETS else -1] += 1
        histogram.total += turn_ns
