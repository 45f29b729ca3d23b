"""Faults at every statement and every note of a migration, by number."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from weft.cluster.line import Broken, Line
from weft.storage.moved import Moved

Fault = Callable[[], object]


class Points:
    """The numbered points of a cut-over: before and after each of its acts.

    Args:
        patch: puts this between the acts and who has them done.

    Attributes:
        passed: the names of the points so far.
        faults: what happens at a point, by its number.
        awaited: what happens at the first point whose name begins so.
        away: whether the database is, for everybody.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.passed: list[str] = []
        self.faults: dict[int, Fault] = {}
        self.awaited: dict[str, Fault] = {}
        self.away = False
        self._os_thread = threading.get_ident()
        self._around(patch, Line, "ask", self._named)
        self._around(patch, Moved, "write", lambda _: "the note is written")
        remove = Moved.remove

        def watched_remove(directory: Any) -> None:
            self._pass("before: the note is removed")
            remove(directory)
            self._pass("after: the note is removed")

        patch.setattr(Moved, "remove", staticmethod(watched_remove))

    def begin(self) -> None:
        """Count from here on, on this OS thread."""
        self._os_thread = threading.get_ident()
        self.passed.clear()

    def _around(
        self,
        patch: pytest.MonkeyPatch,
        kind: type,
        name: str,
        named: Callable[[Sequence[Any]], str],
    ) -> None:
        act = getattr(kind, name)

        def watched(owner: Any, *arguments: Any) -> Any:
            words = named(arguments)
            try:
                if self.away and kind is Line:
                    cut()
                self._pass(f"before: {words}")
                answer = act(owner, *arguments)
                self._pass(f"after: {words}")
            except Broken:
                if kind is Line:
                    owner.close()
                raise
            return answer

        patch.setattr(kind, name, watched)

    def _named(self, arguments: Sequence[Any]) -> str:
        return " ".join(str(arguments[0]).split())[:60]

    def _pass(self, words: str) -> None:
        if threading.get_ident() != self._os_thread:
            return  # the pulse of a store that is open
        self.passed.append(words)
        fault = self.faults.pop(len(self.passed), None)
        if fault is not None:
            fault()
        for beginning in [one for one in self.awaited if words.startswith(one)]:
            self.awaited.pop(beginning)()


def cut() -> None:
    """Have the connection break."""
    raise Broken


def kill() -> None:
    """Have the process die."""
    os.kill(os.getpid(), signal.SIGKILL)
