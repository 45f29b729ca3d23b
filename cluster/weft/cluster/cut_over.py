"""The moment at which a store goes on in its database, and what may go wrong in it.

Writers wait meanwhile: the last changes are sent, the directory gets its note, one
transaction makes the database a store, and it is opened. The note comes first and the
transaction after it, so at no moment can both be opened for writing.

Guarantees:
    * from the note on nothing is written to the directory before it is settled where
      the store is; whoever wants to write settles it;
    * it is settled by what the database says once nothing can arrive there any more: an
      older fence's last transaction has been made, or never will;
    * the note is taken away only when the database is certain to be no store.
"""

import logging
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace

from weft.cluster.acquire import named
from weft.cluster.address import Address
from weft.cluster.errors import MigrationRefused
from weft.cluster.fenced_store import FencedStore
from weft.cluster.line import Broken, Line
from weft.cluster.live_copy import LiveCopy
from weft.cluster.migration_target import Target, has_arrived, is_headed_for
from weft.cluster.postgres import PostgresStore
from weft.cluster.sender import Retry
from weft.storage import LmdbStore
from weft.storage.departure import Departure, Moment, StoreGone
from weft.storage.errors import StoreReadOnly, StoreUnavailable
from weft.storage.keys import log_place
from weft.storage.lock import OwnerLock
from weft.storage.moved import Moved
from weft.storage.succession import Successor

__all__ = ["CutOver", "settle_directory"]

logger = logging.getLogger("weft.cluster")


class CutOver:
    """The cut-over of one store.

    Args:
        store: what is in a directory.
        departure: its.
        target: where it goes.
        address: of that.
    """

    def __init__(
        self, store: LmdbStore, departure: Departure, target: Target, address: Address
    ) -> None:
        self._store = store
        self._departure = departure
        self._target = target
        self._address = address
        self._was_sent = self._has_arrived = False

    def make(self, copy: LiveCopy) -> tuple[int, float]:
        """Have the store go on in the database.

        Args:
            copy: of everything but the last changes.

        Returns:
            the last operation before, and how long writers waited, in seconds.

        Raises:
            StoreReadOnly: it is in doubt whether it does; the next one who writes
                settles it.
            Exception: it does not, it has stayed where it was.
        """
        try:
            with self._departure.halt() as moment:
                began_s = time.monotonic()
                copy.drain(moment)
                place = _log_end(moment)
                self._departure.admit = self._admit
                self._leave(place)
                return int.from_bytes(place[:8]), time.monotonic() - began_s
        except BaseException:
            if self._departure.admit != self._admit:
                self._store.stay()
            raise

    def _leave(self, place: bytes) -> None:
        """Go, or stay; or say that neither is known."""
        note = Moved(
            self._target.migration_id,
            self._address.name,
            int.from_bytes(place[:8]),
            datetime.now(UTC),
        )
        failure: Exception | None = None
        try:
            note.write(self._store.directory)
            self._was_sent = True
            self._target.finish(place)
            self._has_arrived = True
        except Exception as error:  # noqa: BLE001 - whatever it was, it is settled
            failure = error
        try:
            has_moved = self._settle_patiently()
        except (StoreUnavailable, OSError) as error:
            raise self._doubt(error) from (failure or error)
        if not has_moved and failure is not None:
            raise failure

    def _settle_patiently(self) -> bool:
        """Settle it while writers wait; a database may be away for a moment."""
        retry = Retry(self._address.retry_s)
        while True:
            try:
                return self.settle()
            except Broken as error:
                retry.pause(error)

    def settle(self) -> bool:
        """Learn where the store is, and go on there; while nobody else writes.

        If another process has opened the database meanwhile, this one is fenced.

        Returns:
            whether it has moved.

        Raises:
            StoreUnavailable: the database does not tell, or cannot be opened.
            OSError: the note cannot be taken away.
        """
        if not self._has_arrived and not self._is_there():
            Moved.remove(self._store.directory)
            self._store.stay()
            return False
        self._has_arrived = True
        self._store.hand_over(self._open())
        logger.info("the store has moved to %s", self._address.name)
        return True

    def _is_there(self) -> bool:
        with named():
            return self._was_sent and self._target.has_arrived()

    def _open(self) -> Successor:
        """Open the store where it is, unless somebody else has done so before."""
        with named():
            is_ours = self._target.is_ours()
        if not is_ours:
            words = f"Another process has opened {self._address.name} meanwhile."
            return FencedStore(words, self._store.statistics())
        options: dict[str, Any] = asdict(replace(self._address, take_over=True))
        # One name for all tries to open it, so that none is taken for another's.
        own = self._target.migration_id
        return PostgresStore(options.pop("dsn"), incarnation=own, **options)

    def _admit(self) -> None:
        """Let a write transaction begin in the directory once the store has stayed."""
        try:
            has_moved = self.settle()
        except (StoreUnavailable, OSError) as error:
            raise self._doubt(error) from error
        if has_moved:
            raise StoreGone

    def _doubt(self, cause: Exception) -> StoreReadOnly:
        why = getattr(cause, "message", cause)
        return StoreReadOnly(
            f"Whether the store has moved to {self._address.name} is not known yet: "
            f"{why}",
            cause=cause,
            details={"to": self._address.name},
        )


def _log_end(moment: Moment) -> bytes:
    """Return the last place of the log."""
    last = next(iter(moment.trees.scan("L", reverse=True)), None)
    return log_place(0) if last is None else last[0]


def settle_directory(directory: Path, address: Address) -> bool | None:
    """Settle where the store of a directory is, whose process died on the way.

    Args:
        directory: the data directory.
        address: of the database that the store was going to.

    Returns:
        whether it has moved; None if it never was to. If not, the directory can be
        opened again.

    Raises:
        MigrationRefused: it was going to another database.
        StoreLocked: somebody has the directory open.
        StoreUnavailable: the database cannot be reached.
        OSError: the note cannot be taken away.
    """
    if Moved.read(directory) is None:
        return None
    lock = OwnerLock.acquire(directory / "owner.lock")
    try:
        note = Moved.read(directory)
        if note is None:
            return None
        with closing(Line(address.dsn, prepare=address.prepare)) as line, named():
            has_moved = _has_arrived(line, note)
        if not has_moved:
            Moved.remove(directory)
        return has_moved
    finally:
        lock.release()


def _has_arrived(line: Line, note: Moved) -> bool:
    if not is_headed_for(line, note.migration_id):
        raise MigrationRefused(
            f"The store was going to {note.to}; this is another database.",
            details={"to": note.to},
        )
    return has_arrived(line, note.migration_id)
