"""What the peers share: calls that block, and packages that may be missing."""

import importlib
from abc import abstractmethod
from typing import Any, ClassVar

from bench.engine import Engine, Reply
from bench.spec import Kind
from bench.work import THREADS, Append, Counts, Work

__all__ = ["Blocking", "appended", "package", "state_of"]


def package(name: str) -> Any:
    """Import a package that the project itself neither needs nor has types of."""
    return importlib.import_module(name)


class Blocking(Engine):
    """An engine whose operations have a flush each, on the caller's own OS thread."""

    kinds: ClassVar[tuple[Kind, ...]] = ("threads",)

    def __init__(self) -> None:
        # Appending is atomic: any OS thread may do it, without a lock to wait for.
        self._done: list[None] = []

    @abstractmethod
    def work(self, work: Work) -> None:
        """Make an operation durable."""

    def call(self, work: Work) -> None:
        self.work(work)
        self._done.append(None)

    def submit(self, work: Work, reply: Reply) -> None:
        raise NotImplementedError("Its calls block: there is nothing to submit to.")

    def groups(self) -> tuple[int, int]:
        return len(self._done), len(self._done)


def state_of(work: Work) -> Append:
    """Return the only work a store of states knows."""
    if not isinstance(work, Append):
        raise NotImplementedError(f"It has no threads to create or move: {work}.")
    return work


def appended(states: int) -> Counts:
    """Return the counts of a store that has states and no records of threads."""
    return Counts(threads=THREADS, transfers=0, states=states)
