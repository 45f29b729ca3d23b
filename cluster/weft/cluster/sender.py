"""The sender: a commit is sent until it is known what became of it.

A connection can break when the commit is made and its answer is not yet here. So the
very same statement is sent again: the log keeps the id of its last commit, and a commit
that finds its own there changes nothing and answers.

Guarantees:
    * a commit that is in doubt is settled before another one is sent;
    * one that was made before its shard was taken over is found out by its first
      operation, and acknowledged;
    * a refusal is told by name: fenced, a peer fenced, decided upon what is not so any
      more, no room, or out of reach.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from weft.cluster.commit import COMMIT, Commit
from weft.cluster.errors import DatabaseRefused
from weft.cluster.fence import Fence, Fenced, HistoryLost, PeerFenced
from weft.cluster.line import Broken, Line, Refused
from weft.cluster.postgres_statistics import PostgresCounter
from weft.storage.errors import StoreReadOnly
from weft.storage.store import IN_DOUBT

__all__ = ["Conflict", "Retry", "Sender"]

logger = logging.getLogger("weft.cluster")

BACKOFF_S: Final = (0.02, 0.5)
"""Between two tries to reach a database that is away: the first, and the longest."""

_FENCED, _CONFLICT, _OTHER_END, _EXISTS = "WF001", "WF002", "WF003", "23505"

_DECISIVE: Final = frozenset({_FENCED, _CONFLICT, _OTHER_END, _EXISTS})
"""Said by the commit itself, behind the look whether it had been made before; or, of a
fence, looked into (:meth:`Sender._took_effect_before`)."""

_NO_ROOM: Final = "53"
"""The class of disk full, out of memory and other things that run out."""

_FIND: Final = "SELECT value FROM weft_entry WHERE tree = 'O' AND key = %s::bytea"


class Conflict(Exception):
    """What a commit was decided upon is not so any more; nothing was changed."""


class Sender:
    """Sends the commits of one shard, one at a time.

    Args:
        line: to the database; the caller's own.
        fence: the writer's.
        counter: where commits are counted.
        fencing: whether commits prove the fence. False is for controls only.
        retry_s: how long a commit waits for a database that is away, in seconds.

    Attributes:
        fenced: why nothing is sent any more; None while this process has the shard.
        proved_s: when the fence was last known to hold, on the monotonic clock.
    """

    def __init__(
        self,
        line: Line,
        fence: Fence,
        counter: PostgresCounter,
        *,
        fencing: bool = True,
        retry_s: float = 10.0,
    ) -> None:
        self._line = line
        self._fence = fence
        self._counter = counter
        self._fencing = fencing
        self._retry_s = retry_s
        self._pending: Commit | None = None
        self._sent = 0
        self._callbacks: list[Callable[[Fenced], None]] = []
        self.fenced: Fenced | None = None
        self.proved_s = time.monotonic()

    @property
    def opened(self) -> int:
        """How many connections were made."""
        return self._line.opened

    def on_fenced(self, callback: Callable[[Fenced], None]) -> None:
        """Have a function called, once, when another process has taken the shard."""
        self._callbacks.append(callback)
        if self.fenced is not None:
            callback(self.fenced)

    def fence_off(self, error: Fenced) -> None:
        """Send nothing any more, for good."""
        if self.fenced is not None:
            return
        self.fenced = error
        logger.error("%s", error, extra={"action": "fenced"})
        for callback in list(self._callbacks):
            callback(error)

    def admit(self) -> None:
        """Refuse what comes after the shard was taken over.

        Raises:
            Fenced: it was.
        """
        if self.fenced is not None:
            error = self.fenced
            raise type(error)(error.message, details=dict(error.details))

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Have something read, waiting for a database that is away.

        Raises:
            Broken: it did not come back in time.
            StoreUnavailable: it refuses.
        """
        retry = Retry(self._retry_s)
        while True:
            try:
                return self._line.ask(statement, values)
            except Broken as error:
                retry.pause(error)
            except Refused as refused:
                if not refused.is_transient:
                    raise DatabaseRefused(f"PostgreSQL: {refused}.") from refused
                retry.pause(refused)

    def send(self, commit: Commit) -> None:
        """Send a commit; it is durable when this returns.

        Raises:
            Conflict: what it was decided upon is not so any more.
            Fenced: another process has the shard.
            PeerFenced: another process has the shard of a peer.
            StoreReadOnly: there is no room, or the database is away; then the commit
                is in doubt until :meth:`settle`.
        """
        self._pending, self._sent = commit, 0
        began_ns = time.perf_counter_ns()
        try:
            self._deliver(commit, Retry(self._retry_s))
        except Broken as error:
            raise StoreReadOnly(
                f"{error.message} {IN_DOUBT}", cause=error, details={"in_doubt": True}
            ) from error
        counter = self._counter
        counter.commit.observe(time.perf_counter_ns() - began_ns)
        counter.rows.observe(commit.rows)
        counter.commits += 1

    def settle(self) -> Commit | None:
        """Learn what became of a commit in doubt, if there is one.

        Returns:
            it, if it has taken effect.

        Raises:
            Broken: the database is still away.
            Fenced: it has not, and another process has the shard.
        """
        commit = self._pending
        if commit is None:
            return None
        try:
            self._deliver(commit, Retry(0.0))
        except (Conflict, PeerFenced, StoreReadOnly):
            return None
        return commit

    def _deliver(self, commit: Commit, retry: "Retry") -> None:
        while True:
            self._sent += 1
            began_s = time.monotonic()
            try:
                ((applied,),) = self._line.ask(COMMIT, commit.values)
            except Broken as error:
                retry.pause(error)
            except Refused as refused:
                if refused.is_transient:
                    retry.pause(refused)
                    continue
                if self._sent > 1 and refused.state not in _DECISIVE:
                    raise _broken(refused) from refused  # it may have been made
                if not self._took_effect_before(commit, refused):
                    self._pending = None
                    self._refuse(refused)
                break
            else:
                self.proved_s = began_s
                self._counter.settled += not applied
                break
        self._pending = None

    def _took_effect_before(self, commit: Commit, refused: Refused) -> bool:
        """Whether a commit that is fenced now had been made when it was sent first."""
        if self._sent == 1 or refused.state != _FENCED or commit.first_op is None:
            return False
        key, value = commit.first_op
        took_effect = self.ask(_FIND, (key,)) == [(value,)]
        self._counter.settled += took_effect
        return took_effect

    def _refuse(self, refused: Refused) -> NoReturn:
        if refused.state in {_CONFLICT, _EXISTS}:
            raise Conflict from refused
        if refused.state == _OTHER_END:
            error = HistoryLost(details={"shard": self._fence.shard})
            self.fence_off(error)
            raise error from refused
        if refused.state == _FENCED:
            raise self._fenced_by(refused.detail) from refused
        sentence = f"PostgreSQL: {refused}."
        kind = StoreReadOnly if refused.state.startswith(_NO_ROOM) else DatabaseRefused
        raise kind(sentence, details={"sqlstate": refused.state}) from refused

    def _fenced_by(self, detail: str) -> Exception:
        own = self._fence
        shards = [int(shard) for shard in detail.split(",") if shard]
        if own.shard not in shards:
            return PeerFenced(details={"shards": shards})
        error = Fenced(
            f"Another process has taken shard {own.shard} over since epoch "
            f"{own.epoch}.",
            details={"shard": own.shard, "epoch": own.epoch},
        )
        self.fence_off(error)
        return error


class Retry:
    """How long to go on trying, and with which pauses.

    Args:
        limit_s: how long, in seconds; 0: once.
    """

    def __init__(self, limit_s: float) -> None:
        self._deadline_s = time.monotonic() + limit_s
        self._pause_s = BACKOFF_S[0]

    def pause(self, error: Exception) -> None:
        """Wait a moment before the next try; raise what failed if time is up."""
        if time.monotonic() >= self._deadline_s:
            if isinstance(error, Refused):
                raise _broken(error) from error
            raise error
        time.sleep(self._pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        self._pause_s = min(self._pause_s * 2, BACKOFF_S[1])


def _broken(refused: Refused) -> Broken:
    return Broken(f"PostgreSQL: {refused}.", cause=refused)
