"""Futures made of other futures: mapped, filtered, reduced, joined.

A derived future has no result of its own until somebody asks: a hook computes it then
from the futures it was made of.

Guarantees:
    - ``map``, ``filter``, ``reduce`` and ``join`` keep Pykka's contract.
    - The timeout of :func:`get_all` and of a joined future is a total one, not one for
      each.
    - A derived future carries the ``op_id`` of the one it was made of.

Who runs a hook, and how others wait meanwhile, is in :mod:`weft.actors.future`.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any, TypeVar

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from weft.actors.future import Future

__all__ = ["Derivable", "Hook", "countdown", "get_all"]

T = TypeVar("T")
J = TypeVar("J")
M = TypeVar("M")
R = TypeVar("R")


class Hook:
    """How a future without a result of its own gets one: a function of the timeout.

    Attributes:
        function: what ``get`` runs, with the seconds that are left, or None.
        sources: the futures it reads, for those who may not block; None if only
            running it can tell.
        attempts: at most one entry, the attempt that runs now. Who loses the
            ``setdefault`` waits for that attempt instead of running a second one.
    """

    __slots__ = ("attempts", "function", "sources")

    def __init__(
        self,
        function: Callable[[float | None], Any],
        sources: tuple[pykka.Future[Any], ...] | None = None,
    ) -> None:
        self.function = function
        self.sources = sources
        self.attempts: dict[None, Future[None]] = {}


class Derivable(pykka.Future[T]):
    """The part of a future that makes new ones of it."""

    __slots__ = ()

    def map(self, func: Callable[[T], M]) -> Future[M]:
        """Return a future of the function's result; Pykka's contract.

        Args:
            func: called once with the value, on the OS thread that gets the result
                first.
        """
        return self._derive(lambda timeout: func(self.get(timeout=timeout)))

    def filter(  # type: ignore[override]  # a list, where Pykka says iterable
        self: Derivable[Any], func: Callable[[J], bool]
    ) -> Future[list[J]]:
        """Return a future of the items that pass; Pykka's contract.

        Args:
            func: tells whether an item stays.
        """
        return self._derive(
            lambda timeout: list(filter(func, self.get(timeout=timeout)))
        )

    def reduce(self: Derivable[Any], func: Callable[[R, J], R], *args: R) -> Future[R]:
        """Return a future of the items folded into one; Pykka's contract.

        Args:
            func: folds the result so far and an item.
            *args: the initial value, if there is one.
        """
        return self._derive(
            lambda timeout: functools.reduce(func, self.get(timeout=timeout), *args)
        )

    def join(  # type: ignore[override]
        self: Derivable[Any], *futures: pykka.Future[Any]
    ) -> Future[list[Any]]:
        """Return a future of a list of results; Pykka's contract.

        Args:
            *futures: the others. One timeout holds for all of them together.
        """
        sources = (self, *futures)
        return self._derive(lambda timeout: get_all(sources, timeout=timeout), sources)

    def _derive(
        self,
        function: Callable[[float | None], M],
        sources: tuple[pykka.Future[Any], ...] = (),
    ) -> Future[M]:
        """Return a future of the function's result; the sources are self if empty."""
        # Not abstract: isinstance takes four times as long of what is made by ABCMeta,
        # 0.14 us, and every await of a handler asks.
        raise NotImplementedError("The future knows how to make another one")


def get_all(
    futures: Iterable[pykka.Future[T]], *, timeout: float | None = None
) -> list[T]:
    """Wait for several futures.

    Args:
        futures: whose results are wanted.
        timeout: seconds in all, not for each; None waits for ever.

    Returns:
        The results, in order.

    Raises:
        pykka.Timeout: the time is over.
        Exception: the first failure, in order.
    """
    remaining_s = countdown(timeout)
    return [future.get(timeout=remaining_s()) for future in futures]


def countdown(timeout_s: float | None) -> Callable[[], float | None]:
    """Return a function that tells how much of the time is left, in seconds."""
    if timeout_s is None:
        return lambda: None
    deadline_s = time.monotonic() + timeout_s
    return lambda: max(0.0, deadline_s - time.monotonic())
