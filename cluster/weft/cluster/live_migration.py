"""A store moved from a directory into a database, while it is read and written.

As running machines are moved: everything is copied once, then what was written
meanwhile, again and again until that is little; then writers wait for the rest: 94 and
273 ms, measured on a busy machine with 170 and 1,240 writes a second. Nobody is
refused, and whoever holds the store goes on with it.

Guarantees:
    * if it fails the store stays where it was, and goes on; begun again, the migration
      sends only what differs;
    * what was acknowledged before, during and after is in the database, under the same
      ``seq``; a repeated operation gets its first answer there;
    * at no moment can both be opened for writing (:mod:`weft.cluster.cut_over`).
"""

import logging
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from weft.cluster.address import Address, is_address
from weft.cluster.cut_over import CutOver, settle_directory
from weft.cluster.errors import MigrationRefused
from weft.cluster.live_copy import LiveCopy
from weft.cluster.migration_report import MigrationReport
from weft.cluster.migration_target import Target
from weft.storage import LmdbStore
from weft.storage.errors import InvalidArgument
from weft.storage.keys import LOG_BITS
from weft.storage.progress import Progress, untold

__all__ = ["MigrationReport", "migrate", "migrate_directory"]

logger = logging.getLogger("weft.cluster")

ROUNDS_MAX: Final = 30
"""Behind these a round that leaves as much as the one before is the last one: where
writes come as fast as they are sent, only writers that wait let it end."""

FEW: Final = 100
"""Places that are sent in some milliseconds."""


def migrate(
    store: LmdbStore,
    to: str,
    *,
    verify: bool = True,
    progress: Progress | None = None,
) -> MigrationReport:
    """Move a store into a database, on the calling OS thread, while it is used.

    The store object answers from there afterwards, and closes it.

    Args:
        store: in a data directory, open.
        to: the database's address; new, or empty with one shard, or where a migration
            of this store was interrupted.
        verify: compare the copy with the store before it is gone over to.
        progress: told entries, done and of all.

    Returns:
        what was done.

    Raises:
        InvalidArgument: that is no address.
        StoreMoved: the store has moved already.
        StoreMoving: it is on its way already.
        MigrationRefused: the database cannot take it.
        MigrationStopped: the database did not take all; nothing has moved.
        MigrationDiverged: the copy is not what it should be; nothing has moved.
        Fenced: another process has taken the database over; nothing has moved.
        StoreReadOnly: the database went away at the last moment, and whether the store
            has moved is not known; it is settled by whoever writes next.
        StoreUnavailable: the database cannot be reached, or refuses.
    """
    began_s = time.monotonic()
    address = _address_of(to)
    _refuse_other_logs(store)
    departure = store.depart()
    try:
        target = Target(address)
    except BaseException:
        store.stay()
        raise
    with closing(target):
        copy = LiveCopy(departure, target)
        try:
            rounds = _copy(copy, store, progress or untold, verify=verify)
        except BaseException:
            store.stay()
            raise
        seq, pause_s = CutOver(store, departure, target, address).make(copy)
    report = MigrationReport(
        migration_id=target.migration_id,
        to=address.name,
        entries=copy.walked,
        sent=copy.sent,
        sent_bytes=copy.sent_bytes,
        rounds=rounds,
        verified=copy.verified,
        duration_s=time.monotonic() - began_s,
        pause_s=pause_s,
        seq=seq,
    )
    logger.info("%d entries moved; writers waited for %.3f s", report.entries, pause_s)
    return report


def migrate_directory(
    directory: Path,
    to: str,
    *,
    verify: bool = True,
    progress: Progress | None = None,
) -> MigrationReport | None:
    """Move the store of a directory that nobody has open.

    If its process died while it moved, it is settled first whether it has arrived.

    Args:
        directory: the data directory.
        to: the database's address.
        verify: as in :func:`migrate`.
        progress: likewise.

    Returns:
        what was done; None if it has moved there before.

    Raises:
        StoreLocked: somebody has the directory open.
        SessionThreadException: as in :func:`migrate`.
    """
    if settle_directory(directory, _address_of(to)):
        return None
    store = LmdbStore(directory)
    try:
        return migrate(store, to, verify=verify, progress=progress)
    finally:
        store.close()


def _address_of(to: str) -> Address:
    """Return the address of a database to move into.

    Raises:
        InvalidArgument: it is none. What was said is not repeated: it may hold a
            password.
    """
    if not is_address(to):
        raise InvalidArgument(
            "That is no address of a PostgreSQL database: postgresql://..."
        )
    address = Address.of(to)
    if address.shard:
        raise InvalidArgument("A store moves into shard 0: leave weft_shard out.")
    return address


def _copy(copy: LiveCopy, store: LmdbStore, progress: Progress, *, verify: bool) -> int:
    """Copy everything but the last changes; return the rounds that these took."""
    entries = sum(store.statistics().engine.entries.values())
    total = entries * (2 if verify else 1)

    def tell() -> None:
        done = copy.walked + copy.verified
        progress(done, max(total, done))

    while not copy.is_whole:
        copy.step()
        tell()
    while verify and not copy.is_verified:
        copy.verify()
        tell()
    return _follow(copy)


def _follow(copy: LiveCopy) -> int:
    """Send what was written meanwhile until it is little; return in how many rounds."""
    rounds, fewest = 0, 0
    while True:
        sent = copy.follow()
        rounds += 1
        if sent <= FEW and not copy.waiting:
            return rounds
        if rounds >= ROUNDS_MAX and copy.waiting >= fewest:
            return rounds
        fewest = copy.waiting


def _refuse_other_logs(store: LmdbStore) -> None:
    """Refuse a store that goes on from a log of a cluster's: its numbers are large."""
    if store.seq >> LOG_BITS:
        raise MigrationRefused(
            "This store came out of a cluster and goes on in a log of its own there."
        )
