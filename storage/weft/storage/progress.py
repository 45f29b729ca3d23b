"""How far a long work has come: what whoever waits for it is told."""

from collections.abc import Callable

__all__ = ["Progress", "part", "untold"]

Progress = Callable[[int, int], None]
"""Told how much is done and how much there is in all, in the work's own unit."""


def part(progress: Progress | None, begin: int, end: int) -> Progress:
    """Return a progress that tells a part of a longer work, per mille."""

    def tell(done: int, total: int) -> None:
        if progress is not None:
            progress(begin + (end - begin) * done // max(1, total), 1000)

    return tell


def untold(_done: int, _total: int) -> None:
    """Tell nobody."""
