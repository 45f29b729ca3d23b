"""Reading the database: one moment of it, straight from the primary.

A read transaction is one of PostgreSQL's (REPEATABLE READ), on a connection of its own
from a small pool. So what it shows is the truth, whoever writes; it costs a round trip
for each look, where LMDB's costs a microsecond.

Guarantees: nobody waits for long behind a database that is away. Where the first who
tried to connect had to wait, the others are told at once for :data:`PAUSE_S`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, Self

from weft.cluster.acquire import named
from weft.cluster.arrays import byte_array
from weft.cluster.counting import COUNTERS, merged_counters
from weft.cluster.line import Broken, ByteArray, Line
from weft.cluster.ranges import GROWTH, LIMIT_MAX, Range
from weft.storage.engine import Item

__all__ = ["Readers", "Reading"]

PAUSE_S: Final = 0.5

SLOW_S: Final = 0.1
"""A connection that is refused takes a millisecond and can be tried by everybody."""

IDLE_MAX: Final = 8
"""Connections kept open while nobody reads."""

CHUNK_SIZE_BYTES: Final = 4 << 20
"""Of a scan's next piece, about."""

_BEGIN: Final = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    " SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
    " SELECT 1"
)
_GET: Final = (
    'SELECT value FROM weft_entry WHERE tree = %s::text::"char" AND key = %s::bytea'
)
_GET_MANY: Final = (
    'SELECT key, value FROM weft_entry WHERE tree = %s::text::"char"'
    " AND key = ANY(%s::bytea[])"
)
_SCAN: Final = (
    'SELECT key, value FROM weft_entry WHERE tree = %s::text::"char"'
    " AND key >= %s::bytea AND key < %s::bytea ORDER BY key {} LIMIT %s::int"
)
_SCANS: Final = {False: _SCAN.format(""), True: _SCAN.format("DESC")}
_SCAN_MANY: Final = (
    "SELECT e.key, e.value FROM unnest(%s::bytea[], %s::bytea[]) AS q (low, high)"
    " CROSS JOIN LATERAL (SELECT key, value FROM weft_entry"
    ' WHERE tree = %s::text::"char" AND key >= q.low AND key < q.high) AS e'
    " ORDER BY e.key"
)
_OF_KIND: Final = (
    'SELECT key, value FROM weft_entry WHERE tree = %s::text::"char"'
    " AND key > %s::bytea AND get_byte(value, 0) = %s::int ORDER BY key LIMIT %s::int"
)


class Readers:
    """The connections that reads are made on.

    Args:
        dsn: the database's address, for libpq.
        bounds: the first and the last place of the log that is shown; None for all.
        prepare: whether the server may keep statements prepared.

    Attributes:
        reading: how many read transactions are open.
    """

    def __init__(
        self,
        dsn: str,
        bounds: tuple[bytes, bytes] | None = None,
        *,
        prepare: bool = True,
    ) -> None:
        self._dsn = dsn
        self._prepare = prepare
        self._idle: list[Line] = []
        self._closed = False
        self._again_s = float("-inf")
        self.bounds = bounds
        self.reading = 0

    def begin(self) -> Line:
        """Return a line with a read transaction begun on it.

        Raises:
            Broken: the database cannot be reached.
        """
        while self._idle:
            with suppress(IndexError, Broken):  # another took it; the server restarted
                line = self._idle.pop()
                line.ask(_BEGIN)
                return line
        began_s = time.monotonic()
        if began_s < self._again_s:
            raise Broken("The database could not be reached a moment ago.")
        line = Line(self._dsn, prepare=self._prepare)
        try:
            line.ask(_BEGIN)
        except Broken:
            now_s = time.monotonic()
            if now_s - began_s > SLOW_S:
                self._again_s = now_s + PAUSE_S
            raise
        return line

    def end(self, line: Line) -> None:
        """End a read transaction, and keep its line for the next."""
        if not line.is_open:
            return
        try:
            line.ask("ROLLBACK")
        except Broken:
            return
        if self._closed or len(self._idle) >= IDLE_MAX:
            line.close()
        else:
            self._idle.append(line)

    def close(self) -> None:
        """Close what is idle, and what comes back from now on."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()


class Reading:
    """A read transaction, for the length of a ``with``.

    Args:
        readers: whose connections it uses.
        admit: called first; raises if there is to be no reading.
    """

    __slots__ = ("_admit", "_line", "_readers")

    def __init__(
        self, readers: Readers, admit: Callable[[], None] | None = None
    ) -> None:
        self._readers = readers
        self._admit = admit

    def __enter__(self) -> Self:
        if self._admit is not None:
            self._admit()
        self._line = self._readers.begin()
        self._readers.reading += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._readers.reading -= 1
        self._readers.end(self._line)

    def get(self, tree: str, key: bytes) -> bytes | None:
        """Return the value of a key."""
        if tree == "M" and key == COUNTERS:
            return self._counters()
        rows = self.rows(_GET, (tree, key))
        return rows[0][0] if rows else None

    def get_many(self, tree: str, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are there, from one look."""
        if not keys:
            return {}
        return dict(self.rows(_GET_MANY, (tree, ByteArray(byte_array(keys)))))

    def scan(
        self,
        tree: str,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[Item]:
        """Yield the entries of a range, in order: see ``ReadTransaction.scan``."""
        stretch = Range.of(tree, prefix, start, reverse=reverse)
        if tree == "L" and self._readers.bounds is not None:
            stretch = stretch.within(*self._readers.bounds)
        found = self._scan(stretch)
        return self._facts(found) if tree == "M" else found

    def _scan(self, stretch: Range) -> Iterator[Item]:
        limit = stretch.first_limit
        while stretch.low < stretch.high:
            rows = self.rows(
                _SCANS[stretch.reverse],
                (stretch.tree, stretch.low, stretch.high, limit),
            )
            yield from rows
            if len(rows) < limit:
                return
            stretch = stretch.behind(rows[-1][0])
            size = sum(len(key) + len(value) for key, value in rows) // limit + 1
            limit = max(1, min(limit * GROWTH, LIMIT_MAX, CHUNK_SIZE_BYTES // size))

    def scan_many(self, tree: str, prefixes: Sequence[bytes]) -> list[Item]:
        """Return the entries with one of several prefixes, in order, from one look."""
        if not prefixes:
            return []
        stretches = [Range.of(tree, prefix) for prefix in prefixes]
        lows = ByteArray(byte_array([stretch.low for stretch in stretches]))
        highs = ByteArray(byte_array([stretch.high for stretch in stretches]))
        return self.rows(_SCAN_MANY, (lows, highs, tree))

    def of_kind(self, tree: str, code: int, after: bytes) -> Iterator[Item]:
        """Yield the entries of a tree whose values begin with a byte, in order.

        Args:
            tree: the tree's name.
            code: the byte.
            after: the key to begin behind.
        """
        limit = Range.of(tree).first_limit
        while True:
            rows = self.rows(_OF_KIND, (tree, after, code, limit))
            yield from rows
            if len(rows) < limit:
                return
            after = rows[-1][0]
            limit = min(limit * GROWTH, LIMIT_MAX)

    def _counters(self) -> bytes | None:
        return merged_counters(
            value for _, value in self._scan(Range.of("M", COUNTERS))
        )

    def _facts(self, found: Iterator[Item]) -> Iterator[Item]:
        """Yield the store's own facts, with the shards' counters as one."""
        told = False
        for key, value in found:
            if not key.startswith(COUNTERS):
                yield key, value
            elif not told:
                told = True
                counters = self._counters()
                if counters is not None:
                    yield COUNTERS, counters

    def one(self, statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Return the one row that a statement gives."""
        return self.rows(statement, values)[0]

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows that a statement gives.

        Raises:
            DatabaseRefused: the server does not give them.
            Broken: it cannot be reached.
        """
        with named():
            return self._line.ask(statement, values)
