"""The OS threads of the runtime's own: each works, sleeps, and ends when it is told to.

Guarantees:
    - ``stop`` ends the sleep; it may be called on any OS thread, the helper's own
      included, and before the start.

What one does, and for whom, is said where it is: timers, the watchdog, and the helpers
that a process has one of (:mod:`weft.actors.process_helper`).
"""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from typing import ClassVar

from weft.actors.wakeup import Wakeup

__all__ = ["HelperThread"]


class HelperThread(ABC):
    """Works on a daemon OS thread of its own.

    Attributes:
        os_thread_name: what that is called.
    """

    os_thread_name: ClassVar[str]

    def __init__(self) -> None:
        self._stopping = False
        self._wakeup = Wakeup()
        self._thread = threading.Thread(
            target=self._run, name=self.os_thread_name, daemon=True
        )

    def start(self) -> None:
        """Start the OS thread.

        Raises:
            RuntimeError: it was started before.
        """
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> bool:
        """End the OS thread.

        Args:
            timeout_s: seconds to wait for the end; None waits for ever.

        Returns:
            Whether it has ended.
        """
        self._stopping = True
        self._wakeup.wake()
        if self._thread is threading.current_thread():
            return False
        with contextlib.suppress(RuntimeError):  # never started
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @abstractmethod
    def _run(self) -> None:
        """Work until ``_stopping``, on the OS thread; ``_wakeup`` tells of that."""
