"""The move of the daemon's store into a database, while it is served.

The answer is the report; a client that accepts ``text/event-stream`` is told of the
progress meanwhile. The daemon goes on over the database, in the same process.

Guarantees: one migration at a time; the address that is given is not repeated in any
answer, for it may hold a password.
"""

from pathlib import Path
from typing import Final

import msgspec

from weft.cluster.migration_report import MigrationReport
from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.long_work import Done, begin, result_of
from weft.daemon.http.streams import EventStream
from weft.storage import InvalidArgument, LmdbStore, StoreMoving

__all__ = ["migrations"]

migrations: Final = Table("migration")


class MigrationRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Where the store is to go.

    ``to`` is the address of a new or empty database, ``postgresql://...``.
    ``directory`` names the store's data directory, so that no other one goes by
    mistake; null for whichever is served. ``verify`` compares the copy before it is
    gone over to.
    """

    to: str
    directory: str | None = None
    verify: bool = True


@migrations.post("/migration", scope="admin")
async def migrate_store(
    call: Call[MigrationRequest, None],
) -> MigrationReport | EventStream[MigrationReport]:
    """Move the store into a PostgreSQL database while it is served.

    Reads and writes go on; at the end writes wait for a fraction of a second. If it
    fails, nothing is changed.
    """
    store, body = call.runtime.store, call.body
    if not isinstance(store, LmdbStore):
        raise InvalidArgument("Only a store in a data directory can move.")
    if body.directory is not None and not _is_same(store.directory, body.directory):
        raise InvalidArgument(f"This daemon serves {store.directory}.")
    if store.is_departing and store.successor is None:
        raise StoreMoving

    def work(done: Done) -> MigrationReport:
        from weft.cluster.live_migration import migrate

        return migrate(store, body.to, verify=body.verify, progress=done.tell)

    task, done = begin(work)
    answer: MigrationReport | EventStream[MigrationReport] = await result_of(
        call, task, done
    )
    return answer


def _is_same(one: Path, other: str) -> bool:
    return one.resolve() == Path(other).resolve()
