"""The plants: each adds rows that are wrong in one way, and says what must come of it.

The name of a plant's session and threads is its own, so plants do not meet, but for the
session of threads that nobody owns. Some have nothing wrong, and must come as they are.
"""

from typing import Final

from tests.storage import original_cells, original_owners
from tests.storage.original import Plant
from tests.storage.original_owners import history

__all__ = ["PLANTS", "history"]

PLANTS: Final[list[Plant]] = [
    found
    for module in (original_cells, original_owners)
    for found in vars(module).values()
    if getattr(found, "__module__", "") == module.__name__
]
