"""What an error of the engine means, in the words of Weft.

LMDB tells of a full disk, a damaged page and a table without room in one family of
exceptions. Callers are told apart what they can do something about: wait, mend the
disk, restore a backup.

Guarantees: no exception of the binding leaves the store without a name of ours.
"""

from typing import Final

import lmdb

from weft.storage.errors import (
    InvalidArgument,
    Overloaded,
    SessionThreadException,
    StoreCorrupt,
    StoreReadOnly,
    StoreUnavailable,
)

__all__ = ["could_not_open", "could_not_read", "could_not_write"]

_DAMAGE: Final = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.IncompatibleError,
    lmdb.BadChecksumError,
    lmdb.BadDbiError,
    lmdb.NotFoundError,
)
"""The file is not what LMDB wrote. The last two: a tree's own record is damaged or
gone (a missing key is no exception here)."""

_CROWDED: Final = (lmdb.ReadersFullError, lmdb.TlsFullError)

_RETRY_AFTER_S: Final = 1.0
"""A read lasts milliseconds; a check of a million threads three seconds."""


def could_not_open(where: object, error: Exception) -> SessionThreadException:
    """Return the named error of an environment that did not open."""
    if isinstance(error, _DAMAGE):
        return StoreCorrupt(f"{where} is not a readable store: {error}.", cause=error)
    return StoreUnavailable(f"{where} cannot be opened: {error}.", cause=error)


def could_not_read(error: Exception) -> SessionThreadException:
    """Return the named error of a read that failed."""
    if isinstance(error, _DAMAGE):
        return StoreCorrupt(f"The store's file is damaged: {error}.", cause=error)
    if isinstance(error, _CROWDED):
        return Overloaded(
            "All places for readers of the store are taken.",
            cause=error,
            details={"retry_after_s": _RETRY_AFTER_S},
        )
    return StoreUnavailable(f"The store could not be read: {error}.", cause=error)


def could_not_write(error: Exception) -> SessionThreadException:
    """Return the named error of a write that failed."""
    if isinstance(error, lmdb.BadValsizeError):
        return InvalidArgument("An id or a name fits no key.", cause=error)
    if isinstance(error, _DAMAGE):
        return StoreCorrupt(f"The store's file is damaged: {error}.", cause=error)
    return StoreReadOnly(f"The store could not write: {error}.", cause=error)
