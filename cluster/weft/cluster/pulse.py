"""The pulse: an OS thread that proves the fence while nothing is committed.

Once a second it asks whether the epoch is still this process's, which leaves the
shard's heartbeat and lets a fenced process know although nobody writes; and now and
then how the standbys stand.
"""

import logging
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Final

from weft.cluster.fence import Fence, Fenced
from weft.cluster.line import Line, Refused
from weft.cluster.replication import Replication, look
from weft.storage.errors import StoreUnavailable

__all__ = ["HOLDS", "INTERVAL_S", "Pulse", "check_fence", "fence_values"]

logger = logging.getLogger("weft.cluster")

INTERVAL_S: Final = 1.0

STANDBYS_EVERY: Final = 5
"""Beats between two looks at the standbys."""

STOP_TIMEOUT_S: Final = 2.0

PROVE: Final = "SELECT weft_prove(%s::int, %s::bigint, %s::uuid)"
"""Leaves a heartbeat as well."""

HOLDS: Final = (
    "SELECT EXISTS (SELECT 1 FROM weft_shard WHERE shard = %s::int"
    " AND epoch = %s::bigint AND incarnation = %s::uuid)"
)
"""For a read transaction."""


def fence_values(fence: Fence) -> tuple[int, int, str]:
    """Return the values of either statement."""
    return fence.shard, fence.epoch, fence.incarnation


def check_fence(rows: Sequence[tuple[bool]], fence: Fence) -> None:
    """Look at the answer to either statement.

    Raises:
        Fenced: the fence is not valid any more.
    """
    if rows[0][0]:
        return
    raise Fenced(
        f"Another process has taken shard {fence.shard} over since epoch "
        f"{fence.epoch}.",
        details={"shard": fence.shard, "epoch": fence.epoch},
    )


class Pulse:
    """Proves a fence at intervals, until it is stopped or fenced.

    Args:
        line: of its own.
        fence: what is proved.
        proved: called with the time when a proof was asked for, after it succeeded.
        fenced: called once with the error when it failed.
        seen: told how the standbys stand.
        interval_s: between two beats, in seconds.
    """

    def __init__(
        self,
        line: Line,
        fence: Fence,
        proved: Callable[[], Callable[[], None]],
        fenced: Callable[[Fenced], None],
        seen: Callable[[Replication], None],
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._line = line
        self._fence = fence
        self._proved = proved
        self._fenced = fenced
        self._seen = seen
        self._interval_s = interval_s
        self._stopped = Event()
        self._os_thread = Thread(target=self._run, name="weft-pulse", daemon=True)

    def start(self) -> None:
        """Start the OS thread."""
        self._os_thread.start()

    def stop(self) -> None:
        """Stop it; one that waits for the server ends by itself."""
        self._stopped.set()
        if self._os_thread.ident is not None:
            self._os_thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        beats = 0
        while not self._stopped.wait(self._interval_s):
            try:
                self._beat(with_standbys=beats % STANDBYS_EVERY == 0)
            except Fenced as error:
                self._fenced(error)
                break
            except (StoreUnavailable, Refused) as error:
                logger.warning("the fence could not be proved: %s", error)
            beats += 1
        self._line.close()

    def _beat(self, *, with_standbys: bool) -> None:
        done = self._proved()
        rows = self._line.ask(PROVE, fence_values(self._fence))
        check_fence(rows, self._fence)
        done()
        if with_standbys:
            self._seen(look(self._line))
