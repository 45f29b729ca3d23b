"""The supervisor: asks every shard whether it is alive, and has the hung ones killed.

Ray restarts a process that has ended, and those of a machine that is gone. One that
hangs it does not notice (measured: 90 s and no end), so each shard is asked every
second, and one that misses three answers in a row is killed and thereby restarted.

Guarantees:
    * a shard that is being started or restarted is not killed for being silent, until
      its time for that is over;
    * a shard that is gone for good is made again, unless it was released.
"""

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future as Call
from concurrent.futures import wait
from enum import Enum
from threading import Event, Thread
from typing import Any, Final, Protocol

import msgspec

__all__ = ["Condition", "Supervised", "Supervisor", "SupervisorStatistics"]

logger = logging.getLogger("weft.cluster")

INTERVAL_S: Final = 1.0
"""Between two questions, and how long an answer may take."""

MISSES_MAX: Final = 3
"""Missed answers in a row. One is a long commit, three are nine times the longest that
was measured."""

START_S: Final = 60.0
"""How long a process may take to come up: it loads Python, and waits for the
database."""


class Condition(Enum):
    """How a shard failed to answer."""

    STARTING = "it is being started again"
    GONE = "it will not be started again"


class Supervised(Protocol):
    """What is done to shards."""

    def ping(self, shard: int) -> "Call[Any]":
        """Ask a shard; never blocks."""
        ...

    def condition(self, error: BaseException) -> Condition:
        """Return what a ping's failure means."""
        ...

    def is_starting(self, shard: int) -> bool:
        """Whether its process is being started: a ping waits for that, too."""
        ...

    def kill(self, shard: int) -> None:
        """End its process; it is started again."""

    def revive(self, shard: int) -> None:
        """Make a shard again that is gone for good."""


class SupervisorStatistics(msgspec.Struct, frozen=True):
    """What a supervisor saw and did.

    Attributes:
        answering: shards that answered the last question.
        missed: answers that did not come in time.
        killed: shards that were killed because they hung.
        revived: shards that were made again.
    """

    answering: int
    missed: int
    killed: int
    revived: int


class Supervisor:
    """Watches shards.

    Args:
        shards: their numbers.
        supervised: what is done to them.
        interval_s: between two questions, and how long an answer may take.
        monotonic_s: the clock.
    """

    def __init__(
        self,
        shards: Iterable[int],
        supervised: Supervised,
        *,
        interval_s: float = INTERVAL_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._supervised = supervised
        self._interval_s = interval_s
        self._monotonic_s = monotonic_s
        self._misses: dict[int, int] = {}
        self._may_start_until_s: dict[int, float] = {}
        self._released: set[int] = set()
        for shard in shards:
            self.watch(shard)
        self._answering = self._missed = self._killed = self._revived = 0
        self._stopped = Event()
        self._os_thread = Thread(target=self._run, name="weft-supervisor", daemon=True)

    def start(self) -> None:
        """Watch from now on, on an OS thread of its own."""
        self._os_thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Watch no more.

        Args:
            timeout_s: how long to wait for the OS thread, in seconds.
        """
        self._stopped.set()
        if self._os_thread.ident is not None:
            self._os_thread.join(timeout_s)

    def watch(self, shard: int) -> None:
        """Watch one more shard, or know that it is about to be started."""
        if shard not in self._misses or shard in self._released:
            self._expect(shard)
        self._released.discard(shard)

    def release(self, shard: int) -> None:
        """Watch a shard no more: from now on it may end, and stay like that."""
        self._released.add(shard)

    def statistics(self) -> SupervisorStatistics:
        """Return what the supervisor saw and did so far."""
        return SupervisorStatistics(
            self._answering, self._missed, self._killed, self._revived
        )

    def _run(self) -> None:
        while not self._stopped.is_set():
            began_s = self._monotonic_s()
            try:
                self.look()
            except Exception:
                logger.exception("the supervisor failed", extra={"action": "look"})
            spent_s = self._monotonic_s() - began_s
            self._stopped.wait(max(0.0, self._interval_s - spent_s))

    def look(self) -> None:
        """Ask all shards once, and do what must be done."""
        watched = [one for one in list(self._misses) if one not in self._released]
        pings = {shard: self._supervised.ping(shard) for shard in watched}
        wait(pings.values(), timeout=self._interval_s)
        self._answering = 0
        for shard, ping in pings.items():
            self._judge(shard, ping)

    def _judge(self, shard: int, ping: "Call[Any]") -> None:
        is_done = ping.done()
        if (
            shard in self._released
        ):  # looked for behind the answer: it may be of its end
            return
        if not is_done:
            ping.cancel()
            self._miss(shard)
            return
        error = ping.exception()
        if error is None:
            self._answering += 1
            self._misses[shard] = 0
            self._may_start_until_s[shard] = 0.0
        elif self._supervised.condition(error) is Condition.GONE:
            logger.warning("shard %d is gone and made again: %s", shard, error)
            self._revived += 1
            self._expect(shard)
            self._supervised.revive(shard)
        elif not self._may_start_until_s[shard]:
            self._expect(shard)

    def _miss(self, shard: int) -> None:
        self._missed += 1
        if self._monotonic_s() < self._may_start_until_s[shard]:
            return
        # At each miss: at the last one it may be up, and have had no time to answer.
        if self._supervised.is_starting(shard):
            self._expect(shard)
            return
        self._misses[shard] += 1
        if self._misses[shard] < MISSES_MAX:
            return
        logger.warning("shard %d hangs and is killed", shard)
        self._killed += 1
        self._expect(shard)
        self._supervised.kill(shard)

    def _expect(self, shard: int) -> None:
        """Give a shard the time that a start takes."""
        self._misses[shard] = 0
        self._may_start_until_s[shard] = self._monotonic_s() + START_S
