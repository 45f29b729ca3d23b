"""Which processor cores the OS threads of this process run on.

OS threads that take turns at the GIL do so fastest on one core: on two, each hand-over
wakes a sleeping core and moves what the GIL protects to its cache. Web servers pin
their workers for that reason (https://github.com/frappe/frappe/pull/28854).

Guarantees:
    * what this process may not use (``taskset``, a container's set) is never used;
    * an OS thread whose cores somebody else has chosen is left alone;
    * what is started inside :func:`freed` may use every core, and so does a fork.

Which core, and when to leave it, is in :mod:`weft.actors.one_core`.
"""

import os
from collections.abc import Generator, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

__all__ = ["freed", "gather", "gathered_threads", "scatter"]

_TASKS: Final = Path("/proc/self/task")

_ROUNDS_MAX: Final = 10
"""An OS thread that was just started by one not yet moved is met in the next round;
who starts one after the other for that long meets the next look."""


class _Gathering:
    """What is done to this process.

    Attributes:
        free: the cores that it might use before; None while it is left alone.
        core: the one that its OS threads are on.
    """

    def __init__(self) -> None:
        self.free: frozenset[int] | None = None
        self.core = -1

    def forget(self) -> None:
        """Give a forked process all cores back."""
        if self.free is not None:
            os.sched_setaffinity(0, self.free)
        self.free = None


_now: Final = _Gathering()


def gather(core: int) -> None:
    """Have all OS threads of this process run on one core, and those they start.

    Called again it moves them, from the core where they were.

    Args:
        core: one that the process may use.
    """
    before = _now.free
    if before is None:
        before = _now.free = frozenset(os.sched_getaffinity(0))
        old = before
    else:
        old = frozenset({_now.core})
    _now.core = core
    _move(old, frozenset({core}))


def scatter() -> None:
    """Let the OS threads that were gathered use every core again."""
    if _now.free is not None:
        _move(frozenset({_now.core}), _now.free)
        _now.free = None


@contextmanager
def freed() -> Generator[None]:
    """Let what is started in a ``with`` block, OS thread or process, use every core."""
    free = _now.free
    if free is None or os.sched_getaffinity(0) != {_now.core}:
        yield
        return
    os.sched_setaffinity(0, free)
    try:
        yield
    finally:
        os.sched_setaffinity(0, {_now.core} if _now.free else free)


def gathered_threads() -> Iterator[int]:
    """Yield the numbers of the OS threads that are kept on the one core."""
    return _threads_on(frozenset({_now.core}))


def _move(old: frozenset[int], new: frozenset[int]) -> None:
    for _ in range(_ROUNDS_MAX if old != new else 0):
        found = list(_threads_on(old))
        for number in found:
            with suppress(ProcessLookupError):
                os.sched_setaffinity(number, new)
        if not found:
            return


def _threads_on(cores: AbstractSet[int]) -> Iterator[int]:
    for task in _TASKS.iterdir():
        number = int(task.name)
        with suppress(ProcessLookupError):  # it has ended
            if os.sched_getaffinity(number) == cores:
                yield number


os.register_at_fork(after_in_child=_now.forget)
