"""From an older format on disk to the one this version reads: forward only.

A migration is a pure function of one entry: what lies in its place afterwards. So it
can be tried on samples, and every format that was released is kept as a data directory
that the tests open.

Guarantees:
    * all migrations on the way, and the new format number, are one transaction: a
      crash leaves the store in the format it had;
    * ``before`` has returned before the first change: that is where a backup is made;
    * an entry that keeps its key is changed where it lies; only entries that move are
      held in memory.

To add a format: change the layout, raise ``FORMAT`` in :mod:`weft.storage.store`, add
the way from the format before it to :data:`MIGRATIONS`, and a data directory of the
new format with ``python -m tests.storage.formats.make`` when it is released. A tree
that a format drops stays in ``TREES`` as long as stores that have it are migrated.

What only comes along, a tree of its own (K, of items) or a field at a
record's end, is no new format: a version that does not know the tree opens the store
as ever, leaves it alone and copies it into its backups. Its exports, and its check,
know nothing of what lies there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec

from weft.storage.codec import decode, encode
from weft.storage.engine import Engine, EngineFull, WriteTransaction
from weft.storage.errors import StoreFormatError
from weft.storage.progress import Progress
from weft.storage.store import FORMAT, FORMAT_KEY

__all__ = ["MIGRATIONS", "Entry", "Migration", "format_of", "migrate"]

Entry = tuple[str, bytes, bytes]
"""A tree, a key, and a value as it lies there, checksum included."""

_CHUNK_ENTRIES: Final = 10_000


class Migration(msgspec.Struct, frozen=True):
    """The way from one format to the next.

    Attributes:
        summary: what changes, a sentence.
        trees: whose entries it looks at; all others stay as they are.
        change: told an entry, returns what lies in its place: the entry itself, other
            ones (in any tree), or none.
    """

    summary: str
    trees: tuple[str, ...]
    change: Callable[[Entry], Iterable[Entry]]


MIGRATIONS: Final[Mapping[int, Migration]] = {}
"""By the format each one begins with. Format 1 is the first."""


def format_of(engine: Engine) -> int | None:
    """Return the format of what lies in an engine, None if it is new."""
    with engine.read() as transaction:
        data = transaction.get("M", FORMAT_KEY)
    found: int | None = None if data is None else decode("M", FORMAT_KEY, data)
    return found


def migrate(
    engine: Engine,
    migrations: Mapping[int, Migration],
    before: Callable[[int], None],
    *,
    to: int = FORMAT,
    progress: Progress | None = None,
) -> None:
    """Bring an engine's trees to a format; a newer one is left as it is.

    Args:
        engine: open, and nobody else's.
        migrations: by the format each begins with.
        before: called with the format found, before anything is changed.
        to: the format to reach.
        progress: told entries, done and of all.

    Raises:
        StoreFormatError: there is no way from the format found.
    """
    found = format_of(engine)
    if found is None or found >= to:
        return
    way = [migrations.get(number) for number in range(found, to)]
    steps = [step for step in way if step is not None]
    if len(steps) < len(way):
        raise StoreFormatError(
            f"The store has format {found}; there is no way from it to {to}.",
            details={"format": found, "format_max": to},
        )
    before(found)
    held = engine.statistics().entries
    tell = _counted(progress, sum(held[tree] for step in steps for tree in step.trees))
    while True:
        try:
            with engine.write() as transaction:
                for step in steps:
                    _walk(transaction, step, tell)
                transaction.put_many("M", [(FORMAT_KEY, encode("M", FORMAT_KEY, to))])
        except EngineFull:
            engine.grow()
        else:
            return


def _walk(
    transaction: WriteTransaction, step: Migration, tell: Callable[[int], None]
) -> None:
    """Change every entry of a step's trees; entries that move arrive at the end."""
    arrivals: dict[tuple[str, bytes], bytes] = {}
    for tree in step.trees:
        for chunk in _chunks(transaction, tree):
            changed: list[tuple[bytes, bytes]] = []
            for key, value in chunk:
                stays = False
                for new_tree, new_key, new_value in step.change((tree, key, value)):
                    if (new_tree, new_key) != (tree, key):
                        _arrive(arrivals, new_tree, new_key, new_value)
                        continue
                    stays = True
                    if new_value != value:
                        changed.append((key, new_value))
                if not stays:
                    transaction.delete(tree, key)
            if changed:
                transaction.put_many(tree, changed)
            tell(len(chunk))
    for (tree, key), value in sorted(arrivals.items()):
        transaction.put_many(tree, [(key, value)])


def _arrive(
    arrivals: dict[tuple[str, bytes], bytes], tree: str, key: bytes, value: bytes
) -> None:
    if arrivals.setdefault((tree, key), value) != value:
        raise StoreFormatError(
            f"The migration puts two entries under key {key.hex()} of tree {tree}.",
            details={"tree": tree, "key": key.hex()},
        )


def _chunks(
    transaction: WriteTransaction, tree: str
) -> Iterator[list[tuple[bytes, bytes]]]:
    """Yield a tree's entries in pieces, each read before it is changed."""
    start = b""
    while chunk := list(islice(transaction.scan(tree, start=start), _CHUNK_ENTRIES)):
        yield chunk
        start = chunk[-1][0] + b"\x00"


def _counted(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(min(done, total), total)

    return tell
