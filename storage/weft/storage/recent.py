"""What commit groups remember for the groups to come: the records they met lately.

Two dicts, of which the older one is thrown away when the younger one is full. A record
that is met again goes from the older one into the younger, so what is in use stays, and
a look-up costs what it does in a dict. (An LRU list would cost every look-up; its
approximation by generations is as old as collectors are.)

Small on purpose. All that is remembered is written to memory, pushed out of the
processor's cache, and freed there, and what is allocated next then lies in cold memory
for all OS threads: with 65,536 records in one dict a durable ``POST /threads`` cost an
eighth more after 20,000 of them.

Guarantees: of the last ``GENERATION_MAX`` records that were met, all are remembered;
at most twice as many and those of one group are.
"""

from typing import Any, Final

from weft.storage.keys import Key

__all__ = ["GENERATION_MAX", "Recent"]

GENERATION_MAX: Final = 8192
"""About 4 MB. An operation on a thread that exists meets two or three records."""


class Recent:
    """Values by key, those of records that are not there as None.

    Args:
        young: to begin with.

    Attributes:
        young: met in this generation; what a group writes goes here.
        older: met in the one before, and not yet in this one.
    """

    __slots__ = ("older", "young")

    def __init__(self, young: dict[Key, Any] | None = None) -> None:
        self.young: dict[Key, Any] = {} if young is None else young
        self.older: dict[Key, Any] = {}

    def age(self) -> None:
        """Begin a new generation if this one is full; between groups."""
        if len(self.young) > GENERATION_MAX:
            self.older, self.young = self.young, {}

    def clear(self) -> None:
        """Forget all, as after a restart."""
        self.young.clear()
        self.older.clear()
