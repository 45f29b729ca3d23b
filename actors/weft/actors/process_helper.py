"""Helpers that all runtimes of a process share: the first starts one, the last ends it.

Runtimes are opened and closed one after the other: by people, not by turns.

Guarantees: a process has one helper of a kind at a time; a fork finds none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, Self

from weft.actors.helper_thread import HelperThread

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ProcessHelper"]


class ProcessHelper(HelperThread):
    """Works on an OS thread of its own, for all runtimes of a process."""

    _shared: ClassVar[dict[int, ProcessHelper]]
    """The one of this process, by pid."""

    def __init_subclass__(cls) -> None:
        """Have each kind shared for itself."""
        cls._shared = {}

    def __init__(self) -> None:
        super().__init__()
        self._users: list[None] = []

    @classmethod
    def _join(cls, make: Callable[[], Self]) -> Self:
        """Return the one of this process, made and started for its first user."""
        found = cls._shared.get(os.getpid())
        if found is None:
            found = cls._shared[os.getpid()] = make()
            found.start()
        assert isinstance(found, cls)  # noqa: S101 - each kind has its own
        found._users.append(None)  # noqa: SLF001  # of this class
        return found

    def release(self, timeout_s: float | None = None) -> None:
        """Give it back; the last user's release stops it.

        Args:
            timeout_s: seconds to wait for the end of the OS thread.
        """
        self._users.pop()
        if not self._users:
            self._shared.pop(os.getpid(), None)
            self.stop(timeout_s)
