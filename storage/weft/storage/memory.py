"""The engine in memory: for tests, simulations and trying things out.

Same contract as on disk, no durability beyond the process. A write transaction works
on copies of the trees it touches and puts them in place at its end, so a reader keeps
the moment it began with.
"""

from bisect import bisect_left
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from weft.storage.engine import EngineStatistics, Item
from weft.storage.keys import TREES

__all__ = ["MemoryEngine"]


class _Tree:
    """Sorted keys beside a dict; persistent by copying when first written to."""

    __slots__ = ("keys", "values")

    def __init__(self, keys: list[bytes], values: dict[bytes, bytes]) -> None:
        self.keys = keys
        self.values = values

    def copy(self) -> "_Tree":
        return _Tree(self.keys.copy(), self.values.copy())

    def put(self, key: bytes, value: bytes) -> None:
        if key not in self.values:
            self.keys.insert(bisect_left(self.keys, key), key)
        self.values[key] = value

    def delete(self, key: bytes) -> None:
        if self.values.pop(key, None) is not None:
            del self.keys[bisect_left(self.keys, key)]


class _Transaction:
    def __init__(self, trees: dict[str, _Tree]) -> None:
        self.trees = trees
        self._own: set[str] = set()

    def get(self, tree: str, key: bytes) -> bytes | None:
        return self.trees[tree].values.get(key)

    def scan(
        self,
        tree: str,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[Item]:
        keys, values = self.trees[tree].keys, self.trees[tree].values
        low = bisect_left(keys, prefix)
        high = bisect_left(keys, prefix + b"\xff" * 512) if prefix else len(keys)
        if start is not None and reverse:
            high = min(high, bisect_left(keys, start))
        elif start is not None:
            low = max(low, bisect_left(keys, start))
        chosen = keys[low:high]
        return ((k, values[k]) for k in (reversed(chosen) if reverse else chosen))

    def put_many(self, tree: str, items: Sequence[Item]) -> None:
        own = self._writable(tree)
        for key, value in items:
            own.put(key, value)

    def delete(self, tree: str, key: bytes) -> None:
        self._writable(tree).delete(key)

    def _writable(self, tree: str) -> _Tree:
        if tree not in self._own:
            self._own.add(tree)
            self.trees[tree] = self.trees[tree].copy()
        return self.trees[tree]


class MemoryEngine:
    """Ordered trees in memory."""

    def __init__(self) -> None:
        self._trees = {tree: _Tree([], {}) for tree in TREES}
        self._writing = Lock()

    @contextmanager
    def read(self) -> Generator[_Transaction]:
        """Open a read transaction."""
        yield _Transaction(self._trees)

    @contextmanager
    def write(self) -> Generator[_Transaction]:
        """Open the write transaction."""
        with self._writing:
            transaction = _Transaction(dict(self._trees))
            yield transaction
            self._trees = transaction.trees

    def grow(self) -> None:
        """Do nothing: memory is never full here."""

    def statistics(self) -> EngineStatistics:
        """Return how full it is: the size of keys and values."""
        trees = self._trees
        used = sum(
            len(key) + len(value)
            for tree in trees.values()
            for key, value in tree.values.items()
        )
        entries = {name: len(tree.keys) for name, tree in trees.items()}
        return EngineStatistics(used, used, 0, 0, entries)

    def close(self) -> None:
        """Do nothing: the trees go with the engine."""
