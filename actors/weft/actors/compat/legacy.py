"""Legacy methods: they work, and each says once in a process what to use instead."""

import inspect
import logging
import warnings
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from weft.actors.logs import OPERATIONS

__all__ = ["legacy"]

_logger: Final = logging.getLogger(OPERATIONS)

_HERE: Final = __name__.rpartition(".")[0]

_warned: Final[set[str]] = set()

_NO_IDS: Final = dict.fromkeys(("session_id", "thread_id", "op_id"))

P = ParamSpec("P")
T = TypeVar("T")


def legacy(
    instead: str,
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Make a method one that warns: a DeprecationWarning once, a log entry each time.

    Args:
        instead: what to use.
    """

    def mark(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        name = method.__name__

        @wraps(method)
        async def warned(*args: P.args, **kwargs: P.kwargs) -> T:
            words = f"{method.__qualname__} is a legacy method: use {instead}."
            _logger.warning(words, extra={**_NO_IDS, "action": name})
            if method.__qualname__ not in _warned:
                _warned.add(method.__qualname__)
                warnings.warn(words, DeprecationWarning, stacklevel=_to_the_caller())
            return await method(*args, **kwargs)

        return warned

    return mark


def _to_the_caller() -> int:
    """Return how many frames up the code is that is to be changed."""
    level, frame = 0, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_HERE):
        level, frame = level + 1, frame.f_back
    return level
