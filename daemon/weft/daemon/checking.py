"""Checks that nobody has to think of: the whole store, again and again, in small steps.

A check reads a chunk in some milliseconds, then rests so long that it takes no more
than its share of a core. What it finds is counted, logged and, if its kind is named,
repaired.

Guarantees:
    * no read transaction lives longer than a chunk, or than the look at the suspects;
    * a check begins when the daemon does, and every ``interval_s`` after that; one that
      takes longer is followed by the next at once;
    * nothing is repaired that was not named, and a repair is an ordinary operation;
    * a check that fails is logged, and the next one is tried.

Not here: what is compared (:mod:`weft.storage.check_live`), and what a repair does
(:mod:`weft.storage.repair`).
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from threading import Event, Thread
from typing import Final, Self

import msgspec

from weft.actors import Runtime
from weft.storage import SessionThreadException
from weft.storage.check import CheckReport, Kind
from weft.storage.check_live import LiveCheck

__all__ = ["CheckSettings", "Checker"]

logger = logging.getLogger("weft.daemon")

STOP_TIMEOUT_S: Final = 5.0
"""For the chunk in hand, or the look at the suspects."""

REPAIR_TIMEOUT_S: Final = 600.0
"""A repair of a whole store reads a million threads in some seconds."""


class CheckSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When the store is checked, and what is repaired.

    Attributes:
        interval_s: from the beginning of a check to that of the next; 0 for never.
        cpu_share: of one core, while a check is under way.
        repair: the kinds of inconsistencies that are repaired without being asked.
    """

    interval_s: float = 3600.0
    cpu_share: float = 0.05
    repair: tuple[Kind, ...] = ()


class Checker:
    """Checks a runtime's store on an OS thread, for the time of a with block.

    Args:
        runtime: whose.
        settings: when, and what for.
        cpu_ns: the time that the calling OS thread has used of a core, in ns.
    """

    def __init__(
        self,
        runtime: Runtime,
        settings: CheckSettings,
        *,
        cpu_ns: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._cpu_ns = cpu_ns
        self._stopping = Event()
        self._os_thread = Thread(target=self._run, name="weft-checker", daemon=True)

    def __enter__(self) -> Self:
        if self._settings.interval_s:
            self._os_thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._os_thread.ident is not None:
            self._os_thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            began_s = time.monotonic()
            try:
                self.round()
            except (SessionThreadException, OSError, TimeoutError) as error:
                if not self._stopping.is_set():
                    logger.warning("the store could not be checked: %s", error)
            took_s = time.monotonic() - began_s
            self._stopping.wait(max(0.0, self._settings.interval_s - took_s))

    def round(self) -> CheckReport | None:
        """Check the store once, and repair what is to be repaired.

        Returns:
            what was found; None if the end came first.
        """
        look = LiveCheck(self._runtime.store.read)
        while not look.done:
            began_ns = self._cpu_ns()
            look.step()
            used_s = (self._cpu_ns() - began_ns) / 1e9
            if self._stopping.wait(used_s * (1 / self._settings.cpu_share - 1)):
                return None
        report = look.finish()
        self._runtime.checks.record(report)
        self._tell(report)
        return report

    def _tell(self, report: CheckReport) -> None:
        logger.info(
            "checked %d threads of %d sessions", report.threads, report.sessions
        )
        found = Counter[str](one.kind for one in report.inconsistencies)
        if not found:
            return
        words = ", ".join(f"{kind}: {number}" for kind, number in sorted(found.items()))
        logger.warning("the check found %s", words, extra={"action": "check"})
        kinds = found.keys() & set(self._settings.repair)
        if kinds:
            self._repair(kinds)

    def _repair(self, kinds: set[str]) -> None:
        coordinator = self._runtime.coordinator
        done = coordinator.repair_all(kinds=kinds).get(timeout=REPAIR_TIMEOUT_S)
        logger.warning(
            "repaired %d of %d findings, as configured",
            len(done.issues_found) - len(done.remaining),
            len(done.issues_found),
            extra={"action": "repair"},
        )
        self._runtime.check()  # so that what is shown is what is left
