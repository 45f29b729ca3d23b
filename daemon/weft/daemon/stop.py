"""Being told to stop (SIGINT, SIGTERM), noted now and obeyed later; or to reload.

Guarantees: inside the block neither signal ends the process or breaks into what it
does; the work looks at the request where stopping is safe.
"""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Stop", "Stopped", "reload_signal", "stop_signals"]


class Stopped(Exception):
    """The command was told to stop, and did.

    Attributes:
        exit_code: what a shell reports of a process that died of the signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.exit_code = 128 + signum

    def __str__(self) -> str:
        return "Stopped. Run the same command again to go on from here."


class Stop:
    """Whether somebody asked for a stop.

    Attributes:
        signum: the signal; None while nobody asked.
    """

    def __init__(self, on_request: Callable[[], object] | None = None) -> None:
        self.signum: int | None = None
        self._on_request = on_request

    def request(self, signum: int) -> None:
        """Ask for a stop."""
        self.signum = signum
        if self._on_request is not None:
            self._on_request()

    def check(self) -> None:
        """Stop here if somebody asked.

        Raises:
            Stopped: somebody did.
        """
        if self.signum is not None:
            raise Stopped(self.signum)


@contextmanager
def stop_signals(stop: Stop) -> Generator[None]:
    """Turn both signals into requests, on the main OS thread, for a with block."""

    def note(signum: int, _frame: FrameType | None) -> None:
        stop.request(signum)

    before = {
        number: signal.signal(number, note)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def reload_signal(on_request: Callable[[], object]) -> Generator[None]:
    """Have SIGHUP call a function, on the main OS thread, for a with block."""

    def note(_signum: int, _frame: FrameType | None) -> None:
        on_request()

    before = signal.signal(signal.SIGHUP, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
