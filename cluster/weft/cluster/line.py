"""A line to PostgreSQL: one connection, one statement at a time, no session state.

The only module that imports the driver. Statements are autocommitted: a client that
vanishes holds nothing. Nothing that the server remembers of a session is relied on but
prepared statements, which can be switched off, so pgbouncer may stand between.

Guarantees: every wait ends. A statement that takes longer than
:data:`STATEMENT_TIMEOUT_S` is given up and its connection closed; whether it took
effect is then not known, and :class:`Broken` says so.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from weft.cluster.errors import DatabaseRefused, DriverMissing
from weft.storage.errors import StoreUnavailable

try:
    import psycopg
    from psycopg import pq
    from psycopg.adapt import Dumper
except ImportError as error:
    raise DriverMissing(cause=error) from error

__all__ = ["Broken", "ByteArray", "CharArray", "Line", "Refused", "connect"]

CONNECT_TIMEOUT_S: Final = 3

STATEMENT_TIMEOUT_S: Final = 15.0
"""Half a second is the slowest commit seen on a healthy server."""

_KEEPALIVE: Final[dict[str, Any]] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A peer that is gone without a word is noticed after some 10 s."""

_GONE_CLASSES: Final = ("08", "57", "58")
"""Connection exception; operator intervention (shutdown, crash, still starting up);
system error."""

_GONE_STATES: Final = frozenset({"25006", "25P03", "25P04", "53300", "53400", "57014"})
"""A server that is, or has become, a standby; a transaction that was open, or idle, for
longer than the server allows; out of connections; a statement that was cancelled. All
pass; none of them has changed anything."""

_AGAIN_STATES: Final = frozenset({"40001", "40P01", "57014"})
"""Serialization failure, deadlock, cancelled: the statement was undone."""


class Broken(StoreUnavailable):
    """The database cannot be reached, or the connection to it broke."""

    remedy = (
        "Look at the address and at the server; "
        "a store that is open goes on by itself when the database is back."
    )


class Refused(Exception):
    """The server did not do what a statement asked for; nothing was changed.

    Attributes:
        state: the SQLSTATE.
        detail: what it told beside its sentence.
    """

    def __init__(self, sentence: str, state: str, detail: str) -> None:
        super().__init__(sentence)
        self.state = state
        self.detail = detail

    @property
    def is_transient(self) -> bool:
        """Whether the same statement may succeed at once."""
        return self.state in _AGAIN_STATES


class ByteArray(bytes):
    """An encoded ``bytea[]``."""

    __slots__ = ()


class CharArray(bytes):
    """An encoded ``"char"[]``."""

    __slots__ = ()


class _ByteArrayDumper(Dumper):
    format = pq.Format.BINARY
    oid = 1001

    def dump(self, obj: bytes) -> bytes:
        return obj


class _CharArrayDumper(_ByteArrayDumper):
    oid = 1002


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose waits have a limit."""

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("timeout", STATEMENT_TIMEOUT_S)
        return super().wait(gen, *args, **kwargs)


def connect(dsn: str, *, prepare: bool = True) -> _Connection:
    """Open a connection.

    Args:
        dsn: the database's address, for libpq.
        prepare: whether the server may keep statements prepared.

    Raises:
        Broken: it cannot be reached.
    """
    with _told():
        connection = _Connection.connect(
            dsn,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            prepare_threshold=1 if prepare else None,
            **_KEEPALIVE,
        )
    connection.adapters.register_dumper(ByteArray, _ByteArrayDumper)
    connection.adapters.register_dumper(CharArray, _CharArrayDumper)
    return connection


class Line:
    """A connection that is made when it is needed, and anew after it broke.

    Args:
        dsn: the database's address, for libpq.
        prepare: whether the server may keep statements prepared.

    Attributes:
        opened: how many connections were made.
    """

    def __init__(self, dsn: str, *, prepare: bool = True) -> None:
        self._dsn = dsn
        self._prepare = prepare
        self._connection: _Connection | None = None
        self.opened = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._connection is not None

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Have a statement executed, and return its rows.

        Args:
            statement: one; or several, without values: those are one transaction.
            values: for its placeholders.

        Raises:
            Broken: the connection broke, or cannot be made; whether the statement took
                effect is not known.
            Refused: the server did not do it.
        """
        connection = self._connection
        if connection is None:
            connection = connect(self._dsn, prepare=self._prepare)
            self._connection = connection
            self.opened += 1
        try:
            with _told():
                cursor = connection.execute(
                    statement.encode(),
                    values or None,
                    prepare=None if values else False,  # there may be several
                    binary=bool(values),
                )
                return cursor.fetchall() if cursor.description is not None else []
        except BaseException as error:
            if not isinstance(error, Refused):
                self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


@contextmanager
def _told() -> Generator[None]:
    """Give the driver's failures the names that the store knows."""
    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate
        words = error.diag.message_primary or str(error)
        sentence = " ".join(words.split()).rstrip(".?") or type(error).__name__
        if state is None or state[:2] in _GONE_CLASSES or state in _GONE_STATES:
            if isinstance(error, psycopg.ProgrammingError):
                raise DatabaseRefused(
                    f"PostgreSQL: {sentence}.", cause=error
                ) from error
            raise Broken(
                f"PostgreSQL: {sentence}.", cause=error, details={"sqlstate": state}
            ) from error
        detail = error.diag.message_detail or ""
        raise Refused(sentence, state, detail) from error
