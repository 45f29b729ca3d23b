"""The database that a store moves into, until it is one.

Everything goes through the statement of every commit, ``weft_commit``: it proves the
fence in its own transaction, and is sent again until it is known what became of it. The
end of the log counts the commits meanwhile, so a database that has lost one of them is
found out by the next.

Guarantees:
    * it is a store, or taken for one, from the last transaction on and not before;
    * a migration that lost its fence writes nothing any more and says so.
"""

from collections.abc import Mapping
from hashlib import sha256
from struct import Struct
from typing import Any, Final
from uuid import uuid4

from weft.cluster.acquire import acquire, named
from weft.cluster.address import Address
from weft.cluster.commit import Terms, commit_of
from weft.cluster.errors import MigrationRefused, MigrationStopped
from weft.cluster.line import Line, Refused
from weft.cluster.migration_walk import ORIGIN_KEY, Stretch
from weft.cluster.postgres_statistics import PostgresCounter
from weft.cluster.reading import Readers, Reading
from weft.cluster.replication import check, look
from weft.cluster.schema import install
from weft.cluster.sender import Sender
from weft.storage.codec import encode
from weft.storage.departure import Place
from weft.storage.engine import Item
from weft.storage.errors import StoreReadOnly, StoreUnavailable
from weft.storage.store import FORMAT, FORMAT_KEY

__all__ = ["Target", "has_arrived", "is_headed_for"]

SHARD: Final = 0

_FACTS: Final = """
    SELECT (SELECT count(*) FROM weft_shard), (SELECT min(log) FROM weft_shard),
        EXISTS (SELECT 1 FROM weft_entry), EXISTS (
            SELECT 1 FROM weft_entry WHERE tree = 'M' AND key = %s::bytea)
"""
_ORIGIN: Final = "SELECT value FROM weft_entry WHERE tree = 'M' AND key = %s::bytea"
_HEADED: Final = (
    "SELECT EXISTS (SELECT 1 FROM weft_epoch_log"
    " WHERE shard = %s::int AND incarnation = %s::uuid)"
)
_PRESENT: Final = (
    "SELECT EXISTS (SELECT 1 FROM weft_shard"
    " WHERE shard = %s::int AND incarnation = %s::uuid)"
)
_OF_STRETCH: Final = (
    ' FROM weft_entry WHERE tree = %s::text::"char"'
    " AND key > %s::bytea AND key <= %s::bytea"
)
_DIGEST: Final = (
    "SELECT sha256(coalesce(string_agg(int4send(length(key)) || key"
    " || int4send(length(value)) || value, ''::bytea ORDER BY key), ''::bytea))"
    + _OF_STRETCH
)
_DIGESTS: Final = "SELECT key, sha256(value)" + _OF_STRETCH

_size: Final = Struct("!i").pack


class Target:
    """A database on its way to be a store.

    Args:
        address: where it is.

    Attributes:
        migration_id: a UUID; the incarnation that its fence goes by.
        is_empty: whether nothing was there when it began.

    Raises:
        MigrationRefused: it holds a store, or has not the one shard of a new one.
        StoreFormatError: a newer Weft made its schema.
        AsynchronousStandby: it may lose what it acknowledged.
        StoreUnavailable: it cannot be reached, or refuses.
    """

    def __init__(self, address: Address) -> None:
        self._line = Line(address.dsn, prepare=address.prepare)
        self._readers = Readers(address.dsn, prepare=address.prepare)
        self.migration_id = str(uuid4())
        try:
            with named():
                install(self._line)
                check(look(self._line), accept_loss=address.accept_loss)
                self.is_empty = not _has_entries(self._line)
                self._fence, self._end = acquire(
                    self._line, SHARD, address.owner, incarnation=self.migration_id
                )
        except BaseException:
            self.close()
            raise
        self._sender = Sender(
            self._line, self._fence, PostgresCounter(), retry_s=address.retry_s
        )

    def write(self, changes: Mapping[Place, bytes | None]) -> None:
        """Put entries, and delete those that are None, in one transaction.

        Raises:
            Fenced: another process has taken the database over.
            HistoryLost: it has lost what it had acknowledged.
            MigrationStopped: it did not do it, or was away for too long.
        """
        if not changes:
            return
        after = (int.from_bytes(self._end) + 1).to_bytes(len(self._end))
        try:
            self._commit(changes, after)
        except (StoreReadOnly, StoreUnavailable) as error:
            raise MigrationStopped(cause=error) from error

    def finish(self, place: bytes) -> None:
        """Make it a store.

        Args:
            place: the last one of the source's log.

        Raises:
            Fenced: another process has taken the database over.
            HistoryLost: it has lost what it had acknowledged.
            StoreReadOnly: it did not do it; or whether it has is not known.
            StoreUnavailable: it refuses.
        """
        self._commit(
            {
                ("M", FORMAT_KEY): encode("M", FORMAT_KEY, FORMAT),
                ("M", ORIGIN_KEY): _origin(self.migration_id),
            },
            place,
        )

    def _commit(self, changes: Mapping[Place, bytes | None], after: bytes) -> None:
        writes: dict[str, dict[bytes, bytes | None]] = {}
        for (tree, key), value in changes.items():
            writes.setdefault(tree, {})[key] = value
        terms = Terms(
            fences=(self._fence,),
            log=self._fence.log,
            before=self._end,
            prove_end=True,
            blind=False,
            after=after,
        )
        self._sender.send(commit_of(writes, (), {}, terms))
        self._end = after

    def differences(self, stretch: Stretch) -> dict[Place, bytes | None]:
        """Return what has to be written for a stretch to be as it should.

        Raises:
            MigrationStopped: the database cannot be reached, or refuses.
        """
        bounds = (stretch.tree, stretch.after, stretch.upto)
        try:
            with named(), Reading(self._readers) as reading:
                if reading.one(_DIGEST, bounds)[0] == _digest(stretch.items):
                    return {}
                found: dict[bytes, bytes] = dict(reading.rows(_DIGESTS, bounds))
        except StoreUnavailable as error:
            raise MigrationStopped(cause=error) from error
        wanted: dict[Place, bytes | None] = {
            (stretch.tree, key): value
            for key, value in stretch.items
            if found.pop(key, None) != sha256(value).digest()
        }
        return wanted | {(stretch.tree, key): None for key in found}

    def has_arrived(self) -> bool:
        """Whether the last transaction has been made: see :func:`has_arrived`."""
        return has_arrived(self._line, self.migration_id)

    def is_ours(self) -> bool:
        """Whether no other process has taken it over."""
        return _is_present(self._line, self.migration_id)

    def close(self) -> None:
        """Hang up; who asks once more opens another connection."""
        self._line.close()
        self._readers.close()


def has_arrived(line: Line, migration_id: str) -> bool:
    """Learn whether a migration has arrived; if not, it never will any more.

    Args:
        line: to the database.
        migration_id: of the migration.

    Raises:
        Broken: it cannot be reached.
        Refused: it does not tell.
    """
    if _is_there(line, migration_id):
        return True
    if _is_present(line, migration_id):
        # Its last transaction may be under way: the next epoch waits for it, or fences
        # it off.
        acquire(line, SHARD, incarnation=migration_id)
    return _is_there(line, migration_id)


def _is_there(line: Line, migration_id: str) -> bool:
    return line.ask(_ORIGIN, (ORIGIN_KEY,)) == [(_origin(migration_id),)]


def _is_present(line: Line, migration_id: str) -> bool:
    return bool(line.ask(_PRESENT, (SHARD, migration_id))[0][0])


def is_headed_for(line: Line, migration_id: str) -> bool:
    """Whether a database is the one that a migration went to, arrived or not."""
    try:
        rows: list[tuple[Any, ...]] = line.ask(_HEADED, (SHARD, migration_id))
    except Refused:  # it has no such table
        return False
    return bool(rows[0][0])


def _has_entries(line: Line) -> bool:
    """Look at a database that is to be filled; return whether that has begun."""
    ((shards, log, has_entries, is_store),) = line.ask(_FACTS, (FORMAT_KEY,))
    if is_store:
        raise MigrationRefused("There is a store in this database already.")
    if shards != 1:
        raise MigrationRefused(f"This database has {shards} shards.")
    if log != 0:
        raise MigrationRefused(f"This database's shard writes log {log} already.")
    return bool(has_entries)


def _origin(migration_id: str) -> bytes:
    return encode("M", ORIGIN_KEY, migration_id)


def _digest(items: list[Item]) -> bytes:
    parts: list[bytes] = []
    for key, value in items:
        parts += (_size(len(key)), key, _size(len(value)), value)
    return sha256(b"".join(parts)).digest()
