"""The failure of a future: what it raises, and what happens if nobody asks for it.

Guarantees:
    - A failure that nobody retrieved is logged once and counted, when it is dropped.
    - Its traceback does not grow, however often it is raised.

Who settles a future, and who waits for it, is in :mod:`weft.actors.future`.
"""

from __future__ import annotations

import logging

import msgspec

__all__ = ["FutureFailure", "FutureStatistics", "statistics"]

_logger = logging.getLogger("weft.actors")

_unretrieved_failures = 0


class FutureStatistics(msgspec.Struct, frozen=True):
    """What became of this process's futures.

    Attributes:
        unretrieved_failures: futures that failed and were dropped before anybody
            asked them for their result.
    """

    unretrieved_failures: int


def statistics() -> FutureStatistics:
    """Return the numbers so far; callable from any OS thread."""
    return FutureStatistics(_unretrieved_failures)


class FutureFailure:
    """The outcome of a future that failed.

    Attributes:
        exception: what ``get`` raises.
        traceback: the traceback when the future failed; each ``get`` starts from it,
            else it would grow with every one.
        retrieved: whether somebody has seen it.
    """

    __slots__ = ("exception", "retrieved", "traceback")

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception
        self.traceback = exception.__traceback__
        self.retrieved = False

    def retrieve(self) -> BaseException:
        """Return the exception, ready to be raised."""
        self.retrieved = True
        return self.exception.with_traceback(self.traceback)

    def __del__(self) -> None:
        if self.retrieved:
            return
        # No GIL switch falls between the load and the store of a global, so this
        # counts exactly although any OS thread may collect garbage.
        global _unretrieved_failures  # noqa: PLW0603
        _unretrieved_failures += 1
        _logger.error(
            "A future failed and nobody retrieved the exception",
            exc_info=(type(self.exception), self.exception, self.traceback),
        )
