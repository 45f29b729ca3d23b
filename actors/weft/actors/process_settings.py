"""What an open runtime changes in its process, if it is told to; closing undoes it.

Guarantees: nothing is changed without being asked for, and what somebody else has
changed meanwhile is left alone.
"""

import sys

from weft.actors.collector import Collector, CollectorStatistics
from weft.actors.dispatcher import Dispatcher
from weft.actors.one_core import OneCore
from weft.storage import InvalidArgument

__all__ = ["ProcessSettings", "check_interval"]


def check_interval(interval_s: object) -> None:
    """Refuse what is no switch interval.

    Raises:
        InvalidArgument: it is not a number above 0, at most 1.
    """
    if interval_s is None:
        return
    if not isinstance(interval_s, int | float) or not 0 < interval_s <= 1:
        raise InvalidArgument(
            f"switch_interval_s is a number above 0, at most 1, not {interval_s!r}."
        )


class ProcessSettings:
    """The settings of one runtime, from its opening to its end.

    Args:
        dispatcher: the process's.
        switch_interval_s: how long an OS thread may keep the GIL; None leaves it.
        collector: take Python's garbage collector over.
        one_core: keep all OS threads on one core.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        switch_interval_s: float | None,
        *,
        collector: bool,
        one_core: bool,
    ) -> None:
        self._before_s = sys.getswitchinterval()
        self._set_s: float | None = None
        if switch_interval_s is not None:
            sys.setswitchinterval(switch_interval_s)
            self._set_s = sys.getswitchinterval()
        self._collector = Collector.acquire(dispatcher) if collector else None
        self._one_core = OneCore.acquire() if one_core else None

    def statistics(self) -> CollectorStatistics:
        """Return what the garbage collector cost; nothing if nobody took it over."""
        collector = self._collector
        return CollectorStatistics() if collector is None else collector.statistics()

    def restore(self, timeout_s: float) -> None:
        """Put back what was changed.

        Args:
            timeout_s: seconds to wait for the end of an OS thread.
        """
        if self._one_core is not None:
            self._one_core.release(timeout_s)
        if self._collector is not None:
            self._collector.release(timeout_s)
        if sys.getswitchinterval() == self._set_s:
            sys.setswitchinterval(self._before_s)
