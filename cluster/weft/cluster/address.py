"""Addresses of databases: libpq's, with a few options of Weft's own in the query.

::

    postgresql://weft@db.example/weft?sslmode=verify-full&weft_take_over=0

====================  ==================================================================
``weft_shard``        which shard this process is to write for; 0
``weft_owner``        how to call this process in the database; host and pid
``weft_take_over``    1: take the shard over from a process that lives; 0: be refused
``weft_accept_loss``  1: take a database that may lose what it acknowledged; 0
``weft_prepare``      0: prepare no statements, for pgbouncer 1.20 and older; 1
``weft_retry_s``      how long a commit waits for a database that is away; 10
====================  ==================================================================
"""

import re
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import unquote

import msgspec

from weft.storage.errors import InvalidArgument, StoreLocked

if TYPE_CHECKING:
    from weft.cluster.postgres import PostgresStore
    from weft.cluster.reader import PostgresReader

__all__ = ["Address", "is_address", "open_alone", "open_reader", "open_store"]

_SCHEMES: Final = ("postgresql://", "postgres://")
_PREFIX: Final = "weft_"
_PARTS: Final = re.compile(
    r"(?P<user>[^:]+://(?:[^/]*@)?)(?P<place>[^?]*)\??(?P<query>.*)", re.DOTALL
)
"""As libpq reads it: user and password reach up to the @, whatever is in them."""

_OF_PLACE: Final = ("host=", "hostaddr=", "port=", "dbname=")


class Address(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address, taken apart.

    Attributes:
        dsn: what libpq is given.
    """

    dsn: str
    shard: int = 0
    owner: str | None = None
    take_over: bool = True
    accept_loss: bool = False
    prepare: bool = True
    retry_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 10.0

    @classmethod
    def of(cls, text: str) -> "Address":
        """Take an address apart.

        Raises:
            InvalidArgument: it is none, or has an option that does not exist.
        """
        if not is_address(text):
            raise InvalidArgument(
                "That is no address of a PostgreSQL database: postgresql://..."
            )
        user, place, query = _parts(text)
        pairs = [part for part in query.split("&") if part]
        own = [part for part in pairs if part.startswith(_PREFIX)]
        rest = "&".join(part for part in pairs if part not in own)
        dsn = f"{user}{place}?{rest}" if rest else f"{user}{place}"
        values: dict[str, Any] = {"dsn": dsn}
        for part in own:
            name, _, value = part.removeprefix(_PREFIX).partition("=")
            if name == "dsn":
                raise InvalidArgument("There is no option weft_dsn.")
            values[name] = unquote(value)
        try:
            return msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as error:
            raise InvalidArgument(f"The address of the database: {error}.") from error

    @property
    def name(self) -> str:
        """The address without user, password and options: for everybody to read."""
        user, place, query = _parts(self.dsn)
        told = [part for part in query.split("&") if part.startswith(_OF_PLACE)]
        options = f"?{'&'.join(told)}" if told else ""
        scheme = user.partition("://")[0]
        return f"{scheme}://{place.rpartition('@')[2]}{options}"


def _parts(dsn: str) -> tuple[str, ...]:
    """Return an address up to its place, the place, and the options."""
    found = _PARTS.match(dsn)
    assert found is not None  # noqa: S101 - it has a scheme
    return found.groups()


def is_address(text: object) -> bool:
    """Whether something is the address of a PostgreSQL database."""
    return isinstance(text, str) and text.startswith(_SCHEMES)


def open_store(address: str) -> "PostgresStore":
    """Open the store in a database; a new one is made if there is none.

    Args:
        address: see the module.

    Raises:
        InvalidArgument: it is none.
        DriverMissing: psycopg is not installed.
        SessionThreadException: as :class:`PostgresStore`.
    """
    from weft.cluster.postgres import PostgresStore

    options = msgspec.structs.asdict(Address.of(address))
    return PostgresStore(options.pop("dsn"), **options)


def open_alone(address: str) -> "PostgresStore":
    """Open the store in a database that nobody else is to write: for an import.

    Args:
        address: see the module.

    Raises:
        StoreLocked: a process has one of its shards, and lives.
        SessionThreadException: as :func:`open_store`.
    """
    from weft.cluster.acquire import ALIVE_S
    from weft.cluster.lone_store import LoneStore

    options: dict[str, Any] = msgspec.structs.asdict(Address.of(address))
    options["take_over"] = False
    store = LoneStore(options.pop("dsn"), **options)
    with closing(open_reader(address)) as reader:
        others = [one for one in reader.shards() if one.shard != store.fence.shard]
    for other in others:
        if other.heartbeat_age_s is not None and other.heartbeat_age_s < ALIVE_S:
            store.close()
            raise StoreLocked(
                f"{other.owner} has shard {other.shard} of this database, and lives.",
                details={"shard": other.shard, "owner": other.owner},
            )
    return store


def open_reader(address: str) -> "PostgresReader":
    """Open a database for reading only: nobody is fenced.

    Args:
        address: see the module.

    Raises:
        InvalidArgument: it is none.
        DriverMissing: psycopg is not installed.
        StoreUnavailable: it cannot be reached, or has no store.
    """
    from weft.cluster.reader import PostgresReader

    found = Address.of(address)
    return PostgresReader(found.dsn, prepare=found.prepare)
