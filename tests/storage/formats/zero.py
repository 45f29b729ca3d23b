"""A format that never was, so that the way from one to the next can be tried.

Format 0 differs from format 1 in a key (names lie under ``session | 09 | name``), in
a value (user ids are written backwards), and in a tree (operations are not indexed by
their id). :func:`turn_back` makes a store of it, :data:`FROM_0` is the way back.

``zero.py DIRECTORY ENTRY`` migrates a store and dies of SIGKILL at the entry of that
number: at the first one, the backup is made and nothing changed yet.
"""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from weft.storage import LmdbStore, Session
from weft.storage.codec import decode, encode
from weft.storage.ids import pack_id, unpack_id
from weft.storage.lmdb import LmdbEngine
from weft.storage.migrations import Entry, Migration

OLD_NAME, NAME = b"\x09", b"\x01"


def change(entry: Entry) -> Iterator[Entry]:
    """Return what an entry of format 0 is in format 1."""
    tree, key, value = entry
    if tree == "L":
        yield entry
        record = decode(tree, key, value)
        raw = pack_id(record.op_id)
        yield "O", raw, encode("O", raw, key)
        return
    _, end = unpack_id(key)
    if key[end : end + 1] == OLD_NAME:
        moved = key[:end] + NAME + key[end + 1 :]
        yield tree, moved, encode(tree, moved, decode(tree, key, value))
    else:
        yield tree, key, turned(tree, key, value)


def turned(tree: str, key: bytes, value: bytes) -> bytes:
    """Return a value with its user id, if it has one, the other way round."""
    record = decode(tree, key, value)
    if not isinstance(record, Session) or not record.user_id:
        return value
    return encode(tree, key, replace(record, user_id=record.user_id[::-1]))


FROM_0: Final = Migration("Operations are found by id.", ("S", "L"), change)
MIGRATIONS: Final[Mapping[int, Migration]] = {0: FROM_0}


def turn_back(directory: Path) -> None:
    """Make a closed store of format 1 one of format 0."""
    engine = LmdbEngine(directory / "store")
    with engine.write() as transaction:
        for key, _ in list(transaction.scan("O")):
            transaction.delete("O", key)
        for key, value in list(transaction.scan("S")):
            _, end = unpack_id(key)
            if key[end : end + 1] == NAME:
                old = key[:end] + OLD_NAME + key[end + 1 :]
                transaction.delete("S", key)
                item = (old, encode("S", old, decode("S", key, value)))
            else:
                item = (key, turned("S", key, value))
            transaction.put_many("S", [item])
        transaction.put_many("M", [(b"format", encode("M", b"format", 0))])
    engine.close()


def dying(entry: int) -> Migration:
    """Return the migration that kills its process at an entry."""
    numbers = count(1)

    def die(given: Entry) -> Iterator[Entry]:
        if next(numbers) == entry:
            os.kill(os.getpid(), signal.SIGKILL)
        return change(given)

    return Migration(FROM_0.summary, FROM_0.trees, die)


def main(directory: str, entry: str) -> None:
    """Migrate and die on the way."""
    LmdbStore(directory, migrations={0: dying(int(entry))})


if __name__ == "__main__":
    main(*sys.argv[1:])
