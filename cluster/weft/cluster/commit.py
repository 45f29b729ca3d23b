"""One commit group as one statement: what is written, and what it was decided on.

Each entry goes with what its writer knew of it. *New*: there was nothing. *Changed* and
*gone*: there was a value with this checksum. *Over* and *deleted*: whatever is there,
for entries that nobody reads before they are put. What was only read goes along, too:
a refusal rests on nothing else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from weft.cluster.arrays import byte_array, char_array
from weft.cluster.fence import Fence
from weft.cluster.line import ByteArray, CharArray
from weft.cluster.recall import Place

__all__ = ["COMMIT", "Commit", "Terms", "commit_of", "mark_of"]

_COLUMNS: Final = "cbb cbb cbbb cbb cbb cb"
_TYPES: Final = {"c": '"char"[]', "b": "bytea[]"}

COMMIT: Final = (
    "SELECT weft_commit(%s::int[], %s::bigint[], %s::uuid[],"
    " %s::int, %s::uuid, %s::bytea, %s::bytea, "
    + ", ".join(f"%s::{_TYPES[c]}" for c in _COLUMNS.replace(" ", ""))
    + ")"
)

_MARK_SIZE_BYTES: Final = 4

_BLIND: Final = frozenset({"T", "O", "L", "X", "I"})
"""Trees in which an entry that was not looked at is known to be new: a generated id
beyond the frontier, the next place of the log, the step behind a thread's last."""

_OWN: Final = "M"
"""The tree of the store's own facts: each is its shard's alone, or says the same."""


class Commit(NamedTuple):
    """A statement that can be sent again until its outcome is known.

    Attributes:
        values: for the placeholders of :data:`COMMIT`.
        before: the last place of the log before it.
        after: and after it.
        places: tells the entries it was decided on.
        rows: how many entries it writes.
        first_op: an entry that is there if, and only if, it took effect: the first
            operation's key and place; None if it has no operation.
    """

    values: Sequence[Any]
    before: bytes
    after: bytes
    places: Callable[[], list[Place]]
    rows: int
    first_op: tuple[bytes, bytes] | None


class Terms(NamedTuple):
    """What a commit has to prove beside its entries.

    Attributes:
        fences: the writer's own and those of its peers; none for controls.
        log: the number of the shard's log.
        before: the last place of that log.
        prove_end: whether it must end there.
        blind: entries of some trees that were not looked at are to be new.
        after: the last place of the log from then on; None: the last one written.
    """

    fences: Sequence[Fence]
    log: int
    before: bytes
    prove_end: bool
    blind: bool
    after: bytes | None = None


class _Column:
    """Entries of one sort."""

    __slots__ = ("keys", "marks", "trees", "values")

    def __init__(self) -> None:
        self.trees: list[str] = []
        self.keys: list[bytes] = []
        self.marks: list[bytes | None] = []
        self.values: list[bytes] = []

    def add(self, place: Place, value: bytes | None, old: bytes | None = None) -> None:
        tree, key = place
        self.trees.append(tree)
        self.keys.append(key)
        self.marks.append(None if old is None else mark_of(old))
        if value is not None:
            self.values.append(value)

    def arrays(self, *, marks: bool = False, values: bool = False) -> Iterator[bytes]:
        yield CharArray(char_array("".join(self.trees)))
        yield ByteArray(byte_array(self.keys))
        if marks:
            yield ByteArray(byte_array(self.marks))
        if values:
            yield ByteArray(byte_array(self.values))

    def places(self) -> Iterator[Place]:
        return zip(self.trees, self.keys, strict=True)


class _Sheet:
    """The entries of a commit, by what is known of them."""

    __slots__ = ("changed", "deleted", "gone", "new", "over", "read")

    def __init__(self) -> None:
        self.new, self.changed, self.gone = _Column(), _Column(), _Column()
        self.over, self.deleted, self.read = _Column(), _Column(), _Column()

    def put(self, place: Place, value: bytes | None, old: Any, *, blind: bool) -> None:
        """Add an entry to write; ``old`` is _UNKNOWN where nobody looked."""
        if old is None and value is None:
            self.read.add(place, None)  # that it is absent may have been assumed only
        elif old is None:
            self.new.add(place, value)
        elif old is _UNKNOWN:
            put = self.new if blind and place[0] in _BLIND else self.over
            (self.deleted if value is None else put).add(place, value)
        else:
            (self.gone if value is None else self.changed).add(place, value, old)

    def arrays(self) -> list[bytes]:
        """Return the columns in the order of :data:`COMMIT`."""
        return [
            *self.read.arrays(marks=True),
            *self.new.arrays(values=True),
            *self.changed.arrays(marks=True, values=True),
            *self.gone.arrays(marks=True),
            *self.over.arrays(values=True),
            *self.deleted.arrays(),
        ]

    def rows(self) -> int:
        """Return how many entries are written."""
        written = (self.new, self.changed, self.gone, self.over, self.deleted)
        return sum(len(column.keys) for column in written)

    def places(self) -> list[Place]:
        """Return what it was decided on."""
        columns = (self.read, self.new, self.changed, self.gone)
        return [place for one in columns for place in one.places() if place[0] != "L"]


def mark_of(value: bytes) -> bytes:
    """Return what a value is known by: its checksum."""
    return value[-_MARK_SIZE_BYTES:]


def commit_of(
    writes: Mapping[str, Mapping[bytes, bytes | None]],
    reads: Iterable[Place],
    known: Mapping[Place, bytes | None],
    terms: Terms,
) -> Commit:
    """Return the statement for a group.

    Args:
        writes: by tree and key; None deletes.
        reads: the places it was decided on.
        known: what was known of them.
        terms: what else it is to prove.
    """
    sheet = _Sheet()
    for tree in sorted(writes):
        entries = writes[tree]
        for key in sorted(entries):
            old = _UNKNOWN if tree == _OWN else known.get((tree, key), _UNKNOWN)
            sheet.put((tree, key), entries[key], old, blind=terms.blind)
    for place in reads:
        if place in known and place[1] not in writes.get(place[0], ()):
            sheet.read.add(place, None, known[place])
    log = (key for key, value in writes.get("L", {}).items() if value is not None)
    after = terms.after or max(terms.before, max(log, default=terms.before))
    values = (*_terms(terms, after), *sheet.arrays())
    operations = writes.get("O", {}).items()
    first = next(((key, value) for key, value in operations if value), None)
    return Commit(values, terms.before, after, sheet.places, sheet.rows(), first)


def _terms(terms: Terms, after: bytes) -> list[Any]:
    fences = sorted(terms.fences, key=lambda fence: fence.shard)
    return [
        [fence.shard for fence in fences],
        [fence.epoch for fence in fences],
        [UUID(fence.incarnation) for fence in fences],
        terms.log,
        uuid4(),
        terms.before if terms.prove_end else None,
        after,
    ]


_UNKNOWN: Final = object()
