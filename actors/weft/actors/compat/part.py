"""What the parts of this package have in common: a runtime, and good manners in a loop.

Guarantees: no method blocks the event loop it is awaited in. Changes are awaited as
futures; reads whose size nobody knows run on an OS thread of their own.
"""

import asyncio
from collections.abc import Callable
from types import EllipsisType
from typing import TypeVar

from weft.actors.container import asking
from weft.actors.coordinator import Coordinator
from weft.actors.future import Future
from weft.actors.runtime import Runtime

__all__ = ["Part", "apart"]

T = TypeVar("T")


class Part:
    """Something that works on a runtime.

    Args:
        runtime: which; left out or ``...``, the one whose container makes the part.
    """

    def __init__(self, runtime: Runtime | EllipsisType = ...) -> None:
        self._runtime: Runtime = asking() if runtime is ... else runtime

    @property
    def _operations(self) -> Coordinator:
        return self._runtime.coordinator


async def apart(read: Callable[[], Future[T]]) -> T:
    """Return what a read answers that takes as long as what it reads is large.

    Args:
        read: called on an OS thread of its own.
    """
    return await (await asyncio.to_thread(read))
