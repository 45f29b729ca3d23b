"""Where a store is: a data directory, or the address of a database.

A database needs the extra ``[cluster]``, which is looked for only when there is one.
"""

import importlib
import os
from typing import Final, cast

from weft.storage import InvalidArgument, LmdbStore, Store

__all__ = ["open_store"]

_ROOMS: Final = {"postgresql": "weft.cluster", "postgres": "weft.cluster"}
"""Who opens the stores of a scheme, with a function of this name. Imported by name: the
floor above is not this one's business until somebody asks for it."""


def open_store(place: str | os.PathLike[str]) -> Store:
    """Open the store at a place.

    Args:
        place: a data directory, created if it is missing; or an address such as
            ``postgresql://host/database``.

    Raises:
        InvalidArgument: nothing opens such addresses, or there is none.
        SessionThreadException: the store cannot be opened.
    """
    text = os.fsdecode(place)
    if not text:
        raise InvalidArgument('The path is empty. The present directory is ".".')
    scheme, colon, _ = text.partition("://")
    if not colon:
        return LmdbStore(text)
    if scheme not in _ROOMS:
        raise InvalidArgument(
            f"There is no store for addresses that begin with {scheme}://."
        )
    room = importlib.import_module(_ROOMS[scheme])
    return cast("Store", room.open_store(text))
