"""What a migration did: for who asked for it, in a program or over HTTP."""

import msgspec

__all__ = ["MigrationReport"]


class MigrationReport(msgspec.Struct, frozen=True):
    """What a migration did.

    Attributes:
        migration_id: a UUID.
        to: where the store is now, without user and password.
        entries: that were copied, or compared where the database was not empty.
        sent: entries that were put or deleted there, some of them several times.
        sent_bytes: their keys and values.
        rounds: in which what had been written meanwhile was sent.
        verified: entries that were compared afterwards; 0 if that was not asked for.
        duration_s: of all.
        pause_s: how long writers waited at the end.
        seq: the last operation before the store went on in the database.
    """

    migration_id: str
    to: str
    entries: int
    sent: int
    sent_bytes: int
    rounds: int
    verified: int
    duration_s: float
    pause_s: float
    seq: int
