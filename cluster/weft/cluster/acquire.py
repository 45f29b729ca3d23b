"""Becoming a shard's writer, in a database that has a store.

A migration fills a database while the store is elsewhere still; until its last
transaction the format is missing. Who would open it then is refused, and before it
would fence the migration.
"""

import os
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import uuid4

from weft.cluster.errors import DatabaseRefused, MigrationUnfinished
from weft.cluster.fence import Fence
from weft.cluster.line import Line, Refused
from weft.storage.errors import StoreLocked
from weft.storage.store import FORMAT_KEY

__all__ = ["ALIVE_S", "acquire", "named", "refuse_unfinished"]

ALIVE_S: Final = 5.0
"""A process whose heartbeat is younger has its shard still."""

_ACQUIRE: Final = (
    "SELECT * FROM weft_acquire(%s::int, %s::uuid, %s::text, %s::interval)"
)
_UNFINISHED: Final = (
    "SELECT EXISTS (SELECT 1 FROM weft_entry) AND NOT EXISTS"
    " (SELECT 1 FROM weft_entry WHERE tree = 'M' AND key = %s::bytea)"
)


@contextmanager
def named() -> Generator[None]:
    """Give the server's refusals a name."""
    try:
        yield
    except Refused as refused:
        raise DatabaseRefused(
            f"PostgreSQL: {refused}.",
            cause=refused,
            details={"sqlstate": refused.state},
        ) from refused


def acquire(
    line: Line,
    shard: int,
    owner: str | None = None,
    *,
    take_over: bool = True,
    incarnation: str | None = None,
) -> tuple[Fence, bytes]:
    """Become a shard's writer.

    Args:
        line: to the database.
        shard: which shard's.
        owner: how to call this process in the database; host and pid if omitted.
        take_over: from a process that has the shard and lives; else it is refused.
        incarnation: the writer's own UUID; a random one if omitted.

    Returns:
        the fence, and where the shard's log ends.

    Raises:
        StoreLocked: another process has the shard, and is not to be taken over from.
        DatabaseRefused: the database has no such shard.
        StoreUnavailable: it cannot be reached.
        Refused: the server does not do it.
    """
    own = incarnation or str(uuid4())
    alive = None if take_over else f"{ALIVE_S} seconds"
    owner = owner or f"{socket.gethostname()}:{os.getpid()}"
    ((epoch, log, end, busy),) = line.ask(_ACQUIRE, (shard, own, owner, alive))
    if epoch is not None:
        return Fence(shard, epoch, own, log), end
    if busy is None:
        raise DatabaseRefused(
            f"The database has no shard {shard}.", details={"shard": shard}
        )
    raise StoreLocked(
        f"{busy or 'Another process'} has shard {shard} of this database, and lives.",
        details={"shard": shard, "owner": busy},
    )


Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""Has a statement executed with its values, and returns its rows."""


def refuse_unfinished(ask: Ask) -> None:
    """Refuse a database that a migration has begun to fill.

    Args:
        ask: of the database.

    Raises:
        MigrationUnfinished: it has entries, but is no store yet.
    """
    if ask(_UNFINISHED, (FORMAT_KEY,))[0][0]:
        raise MigrationUnfinished
