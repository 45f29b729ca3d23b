"""What can go wrong beside what every store knows."""

from weft.storage.errors import StoreUnavailable

__all__ = ["AsynchronousStandby", "DriverMissing"]


class DriverMissing(StoreUnavailable):
    """PostgreSQL's driver, psycopg, is not installed."""

    remedy = "Install it: pip install 'weft[cluster]'."


class AsynchronousStandby(StoreUnavailable):
    """A standby of this database may lack commits that were acknowledged."""

    remedy = (
        "Name it in synchronous_standby_names and leave synchronous_commit on, "
        "or accept the loss: weft_accept_loss=1 in the address."
    )
