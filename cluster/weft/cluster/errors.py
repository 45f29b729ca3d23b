"""What can go wrong past one machine and nowhere else, as errors of the one family.

Guarantees: each is a class, a sentence, data and a remedy, survives pickling, and has
a status of HTTP and an exit code.
"""

from weft.storage.errors import (
    Overloaded,
    SessionThreadException,
    StoreUnavailable,
)

__all__ = [
    "AsynchronousStandby",
    "ClusterUnreachable",
    "DatabaseRefused",
    "DriverMissing",
    "MigrationDiverged",
    "MigrationRefused",
    "MigrationStopped",
    "MigrationUnfinished",
    "NotInCluster",
    "ShardUnavailable",
    "WrongShard",
]


class DriverMissing(StoreUnavailable):
    """PostgreSQL's driver, psycopg, is not installed."""

    remedy = "Install it: pip install 'weft[cluster]'."


class DatabaseRefused(StoreUnavailable):
    """The database did not do what it was asked for."""

    remedy = (
        "Look at the database's address, at what its user may do, "
        "and at the server's log."
    )


class AsynchronousStandby(StoreUnavailable):
    """A standby of this database may lack commits that were acknowledged."""

    remedy = (
        "Name it in synchronous_standby_names and leave synchronous_commit on, "
        "or accept the loss: weft_accept_loss=1 in the address."
    )


class ShardUnavailable(Overloaded):
    """The shard that owns the session does not answer at present."""

    remedy = "Repeat it with the same op_id; the shard is restarted by itself."


class WrongShard(ShardUnavailable):
    """The session is on another shard."""

    remedy = "Read the map of slots again and ask the shard that has the session."


class ClusterUnreachable(SessionThreadException):
    """There is no cluster at this address, or none of its shards runs."""

    remedy = "Look at `weft cluster status`; start it with `weft cluster start`."
    http_status = 503
    exit_code = 69


class NotInCluster(SessionThreadException):
    """This is done in one process only, not in a cluster."""

    remedy = "Do it on a data directory, or leave it out; nothing was changed."
    http_status = 501
    exit_code = 69


class MigrationRefused(SessionThreadException):
    """This store cannot move into this database."""

    remedy = "Name a new, empty database with one shard; nothing was changed."
    http_status = 409
    exit_code = 65


class MigrationStopped(StoreUnavailable):
    """The database did not take what was to be copied."""

    remedy = (
        "Nothing has moved. Mend the cause and begin again: "
        "only what differs is sent then."
    )


class MigrationDiverged(SessionThreadException):
    """The copy differs from its source, and nobody has written there meanwhile."""

    remedy = (
        "Nothing has moved. Check both disks and report it; "
        "`weft export` and `weft import` go another way."
    )
    http_status = 500
    exit_code = 70


class MigrationUnfinished(StoreUnavailable):
    """A migration has begun to fill this database, and has not come to its end."""

    remedy = "Go on with `weft migrate`, or empty the database."
    exit_code = 65
