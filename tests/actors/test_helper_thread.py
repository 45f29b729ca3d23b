"""A helper sleeps until it is told to end, and can be told by anybody, at any time."""

import threading

import pytest

from tests.actors.support import LONG_S
from weft.actors.helper_thread import HelperThread


class Sleeper(HelperThread):
    """Sleeps; ends itself if it is to."""

    os_thread_name = "weft-sleeper"

    def __init__(self, *, ends_itself: bool = False) -> None:
        super().__init__()
        self.ends_itself = ends_itself
        self.names: list[str] = []
        self.has_ended: bool | None = None

    def _run(self) -> None:
        self.names.append(threading.current_thread().name)
        if self.ends_itself:
            self.has_ended = self.stop(LONG_S)
        while not self._stopping:
            self._wakeup.wait(LONG_S)


def test_a_stop_ends_the_sleep_and_waits_for_the_end() -> None:
    sleeper = Sleeper()
    sleeper.start()
    assert sleeper.stop(LONG_S / 2)
    assert ["weft-sleeper"] == sleeper.names


def test_one_that_was_never_started_has_ended() -> None:
    assert Sleeper().stop()


def test_one_that_ends_itself_does_not_wait_for_itself() -> None:
    sleeper = Sleeper(ends_itself=True)
    sleeper.start()
    assert sleeper.stop(LONG_S)
    assert sleeper.has_ended is False


def test_a_helper_lives_once() -> None:
    sleeper = Sleeper()
    sleeper.start()
    with pytest.raises(RuntimeError):
        sleeper.start()
    assert sleeper.stop(LONG_S)
