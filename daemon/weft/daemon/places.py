"""Where a store is, as a command's ``--data`` says it: a directory, or a database.

A database's address stays text: a path would lose one of its two slashes.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from weft.storage import Snapshot
    from weft.storage.store import TreeStore

__all__ = [
    "Place",
    "Readable",
    "StorePlace",
    "alone_at",
    "is_database",
    "name_of",
    "reader_of",
]

Place = Path | str
"""A data directory, or the address of a database."""

_SCHEMES: Final = ("postgresql://", "postgres://")


class Readable(Protocol):
    """What shows a store."""

    def read(self) -> "AbstractContextManager[Snapshot]":
        """Open a snapshot."""
        ...

    def close(self) -> None:
        """Give everything back."""


def is_database(place: Place) -> bool:
    """Whether a place is the address of a database."""
    return isinstance(place, str) and place.startswith(_SCHEMES)


def name_of(place: Place) -> str:
    """Return what everybody may read of a place: no user and no password.

    Raises:
        InvalidArgument: it is the address of a database, and a wrong one.
    """
    if not is_database(place):
        return str(place)
    from weft.cluster import Address

    return Address.of(str(place)).name


class StorePlace(click.Path):
    """The parameter type of a place."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return an address as it is, anything else as a path."""
        if is_database(value):
            return value
        return super().convert(value, param, ctx)


def reader_of(place: Place) -> Readable:
    """Open a store for reading, beside whoever writes it.

    Args:
        place: where it is.

    Raises:
        StoreCorrupt: the store in the directory cannot be read.
        StoreUnavailable: the database cannot be reached, or has no store.
        OSError: there is nothing to read.
    """
    if is_database(place):
        from weft.cluster import open_reader

        return open_reader(str(place))
    from weft.storage.lmdb_reader import LmdbReader

    return LmdbReader.of(Path(place))


def alone_at(place: Place) -> "TreeStore":
    """Open a store that nobody else writes meanwhile; a new one if there is none.

    Args:
        place: where it is.

    Raises:
        StoreLocked: somebody has it open.
        SessionThreadException: it cannot be opened.
    """
    if is_database(place):
        from weft.cluster import open_alone

        return open_alone(str(place))
    from weft.storage import LmdbStore

    return LmdbStore(place)
