"""Weft past one machine: PostgreSQL as the store, Ray to place its shards.

What needs the extra ``[cluster]`` is in modules of its own, loaded when it is used:
:class:`weft.cluster.postgres.PostgresStore`,
:class:`weft.cluster.reader.PostgresReader`.
"""

from weft.cluster.address import (
    Address,
    is_address,
    open_alone,
    open_reader,
    open_store,
)
from weft.cluster.errors import (
    AsynchronousStandby,
    DatabaseRefused,
    DriverMissing,
    MigrationDiverged,
    MigrationRefused,
    MigrationStopped,
    MigrationUnfinished,
)
from weft.cluster.fence import Fence, Fenced, HistoryLost, PeerFenced
from weft.cluster.postgres_statistics import PostgresStatistics
from weft.cluster.slots import SLOTS, SlotMap, slot_of

__all__ = [
    "SLOTS",
    "Address",
    "AsynchronousStandby",
    "DatabaseRefused",
    "DriverMissing",
    "Fence",
    "Fenced",
    "HistoryLost",
    "MigrationDiverged",
    "MigrationRefused",
    "MigrationStopped",
    "MigrationUnfinished",
    "PeerFenced",
    "PostgresStatistics",
    "SlotMap",
    "is_address",
    "open_alone",
    "open_reader",
    "open_store",
    "slot_of",
]
