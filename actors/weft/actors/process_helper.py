"""Helpers that all runtimes of a process share: the first starts one, the last ends it.

Runtimes are opened and closed one after the other: by people, not by turns.

Guarantees: a process has one helper of a kind at a time; a fork finds none.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

from weft.actors.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ProcessHelper"]


class ProcessHelper(ABC):
    """Works on an OS thread of its own.

    Attributes:
        os_thread_name: what that is called.
    """

    os_thread_name: ClassVar[str]
    _shared: ClassVar[dict[int, ProcessHelper]]
    """The one of this process, by pid."""

    def __init_subclass__(cls) -> None:
        """Have each kind shared for itself."""
        cls._shared = {}

    def __init__(self) -> None:
        self._users: list[None] = []
        self._stopping = False
        self._wakeup = Wakeup()
        self._thread = threading.Thread(
            target=self._run, name=self.os_thread_name, daemon=True
        )

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

    def start(self) -> None:
        """Start the OS thread.

        Raises:
            RuntimeError: it was started before.
        """
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> None:
        """End the OS thread.

        Args:
            timeout_s: seconds to wait for it; None waits for ever.
        """
        self._stopping = True
        self._wakeup.wake()
        self._thread.join(timeout_s)

    @abstractmethod
    def _run(self) -> None:
        """Work until ``_stopping``, on the OS thread; ``_wakeup`` tells of that."""
