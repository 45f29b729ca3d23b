"""The note that a store has moved: beside the store that stays behind.

It is written before the successor may be opened, and taken away only when it is certain
that there is none; so of the two never both can be opened for writing.

Guarantees:
    * it is there whole or not at all, and survives the loss of power;
    * a directory with the note is neither opened nor read nor copied: what it holds is
      not the truth any more;
    * it holds no secret.
"""

from datetime import datetime
from pathlib import Path
from typing import Final, Self

import msgspec

from weft.storage.errors import SessionThreadException
from weft.storage.mark import flush, read_whole, write_whole

__all__ = ["MOVED_NAME", "Moved", "StoreMoved", "StoreMoving", "refuse_moved"]

MOVED_NAME: Final = "moved.json"


class StoreMoved(SessionThreadException):
    """The store of this data directory has moved elsewhere."""

    remedy = (
        "Use it where it is now; if its process died on the way, "
        "`weft migrate` with the same places settles whether it has arrived."
    )
    http_status = 410
    exit_code = 65

    @property
    def to(self) -> str | None:
        """Where it has moved: an address without user and password."""
        to: str | None = self.details.get("to")
        return to


class StoreMoving(SessionThreadException):
    """The store is on its way elsewhere already."""

    remedy = "Wait for the end of that migration; the store works meanwhile."
    http_status = 409
    exit_code = 75


class Moved(msgspec.Struct, frozen=True):
    """Where a store has gone, or was going when its process died.

    Attributes:
        migration_id: of the migration, a UUID; the successor knows it, too.
        to: the successor's address, without user and password.
        seq: the last operation that was applied here.
        at: when.
    """

    migration_id: str
    to: str
    seq: int
    at: datetime

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """Return the note of a data directory, None if it has none.

        Raises:
            StoreCorrupt: there is one and it cannot be read.
        """
        words = "The store was on its way elsewhere."
        return read_whole(directory / MOVED_NAME, cls, words)

    def write(self, directory: Path) -> None:
        """Leave this note in a data directory, durably.

        Raises:
            OSError: it could not be written; there may be one all the same.
        """
        write_whole(directory / MOVED_NAME, msgspec.json.encode(self) + b"\n")

    @staticmethod
    def remove(directory: Path) -> None:
        """Take the note away, durably: the store has stayed. Twice is no error.

        Raises:
            OSError: it could not be taken away.
        """
        (directory / MOVED_NAME).unlink(missing_ok=True)
        flush(directory)


def refuse_moved(directory: Path) -> None:
    """Refuse a data directory whose store has moved.

    Raises:
        StoreMoved: it has, or whether it has is not settled.
        StoreCorrupt: there is a note that cannot be read.
    """
    moved = Moved.read(directory)
    if moved is not None:
        raise StoreMoved(
            f"The store of {directory} has moved to {moved.to}, "
            f"behind operation {moved.seq}.",
            details={
                "directory": str(directory),
                "to": moved.to,
                "seq": moved.seq,
                "migration_id": moved.migration_id,
            },
        )
