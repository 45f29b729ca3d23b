"""All OS threads of the process on one core, while there is one to be had.

Callers, dispatcher and writer wake each other for every operation and hold the GIL in
turns. On one core that is a switch; on two it is a hand-over between caches and a core
that has to be woken. Measured on two calm cores: 64 OS threads that create threads come
to 11,600 a second instead of 7,640, 256 to 12,700 instead of 7,960, at 73 us of CPU
instead of 128. Callers by asyncio or by message are as fast as before, and a request to
a daemon takes an eighth less CPU. Where every core is in use it is the other way round:
who is kept on one gets half of what the system's scheduler finds on all. So the OS
threads are together while others leave a core to them, and apart while not.

What may compute without the GIL is left free: the OS threads of workflows, worker
processes, checks and backups (:func:`weft.storage.cores.freed`).

Guarantees:
    - A core that others use is left for a calmer one, or for all, within seconds.
    - Where there is one core only, or the system has no such thing, nothing is done.
    - ``release`` of the last user lets all OS threads use every core again.

Like the collector it is the process's, so nobody does it without being told to.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from weft.actors.process_helper import ProcessHelper
from weft.storage.cores import gather, gathered_threads, scatter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["OneCore", "best_core"]

_logger = logging.getLogger("weft.actors")

LOOK_EVERY_S: Final = 1.0
"""On average: two processes that share a core must not leave it at the same moment. A
look takes 0.1 ms with five OS threads."""

FIRST_LOOK_S: Final = 0.1
"""The system counts by hundredths of a second."""

DISTURBED: Final = 0.3
"""The part of our core's time that others may take before we leave it. This number and
those below are chosen, not measured: what was is in the module's text."""

CALM: Final = 0.1
"""And may take of the one that we leave it for."""

ROOM: Final = 0.8
"""Of the cores besides one, how much others may use: the scheduler moves them there,
and it does not pack them closer."""

PATIENCE_MIN_S: Final = 5.0
PATIENCE_MAX_S: Final = 80.0
"""How long we stay apart after having been disturbed, twice as long each time that it
happens again: the scheduler does not move whoever is pinned, and who comes and goes
every second is not worth following."""

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_IDLE: Final = (3, 4)
"""In a line of /proc/stat behind the name: idle, and idle for want of a disk."""

_CPU: Final = (11, 12)
"""In a task's stat behind its name: ticks of its own, and of the system for it."""


def best_core(busy: Mapping[int, float], own: float, present: int | None) -> int | None:
    """Return the core to be on, None for all of them.

    Args:
        busy: for each core that may be used the part of its time that was not idle.
        own: what our OS threads took of it, in cores: those on the present one, or all.
        present: the core we are on; None for all.
    """
    calmest = min(busy, key=lambda core: busy[core])
    if present is None:
        others = sum(busy.values()) - own
        return calmest if others < ROOM * (len(busy) - 1) else None
    if busy[present] - own <= DISTURBED:
        return present
    return calmest if busy[calmest] <= CALM else None


class _Look(msgspec.Struct, frozen=True):
    """What the processor has done so far.

    Attributes:
        at_s: when, on a monotonic clock.
        busy_s: by core.
        own_s: for our OS threads: those that are gathered, or all.
    """

    at_s: float
    busy_s: dict[int, float]
    own_s: float


class OneCore(ProcessHelper):
    """Keeps the OS threads of this process together, on an OS thread ``weft-core``.

    Attributes:
        core: the one they are on; None while they are on all.
    """

    os_thread_name = "weft-core"

    def __init__(self, busy_s: Callable[[], dict[int, float]] | None = None) -> None:
        """Create it; :meth:`start` it.

        Args:
            busy_s: tells for each core how long it was busy so far, in seconds;
                the system does if omitted.
        """
        super().__init__()
        self.core: int | None = None
        self._cores = frozenset(os.sched_getaffinity(0))
        self._busy_s = busy_s or _busy_s
        self._patience_s = PATIENCE_MIN_S
        self._apart_until_s = 0.0

    @classmethod
    def acquire(cls) -> OneCore | None:
        """Keep the OS threads together; give it back with :meth:`release`.

        Returns:
            What does it; None where there is no choice.
        """
        return cls._join(cls) if _has_choice() else None

    def stop(self, timeout_s: float | None = None) -> bool:
        """End the OS thread, and let the others use every core.

        Args:
            timeout_s: seconds to wait for its end.

        Returns:
            Whether it has ended.
        """
        has_ended = super().stop(timeout_s)
        scatter()
        return has_ended

    def _run(self) -> None:
        try:
            self._keep()
        except OSError as error:  # a sandbox may forbid it
            words = "OS threads cannot be kept on one core: %s"
            _logger.warning(words, error, extra={"action": "gather"})
            self.core = None

    def _keep(self) -> None:
        before, wait_s = self._look(), FIRST_LOOK_S
        while not self._stopping:
            self._wakeup.wait(wait_s)
            now = self._look()
            if not self._stopping and now.at_s - before.at_s > FIRST_LOOK_S / 2:
                self._follow(before, now)
                before = self._look()
            wait_s = LOOK_EVERY_S * random.uniform(0.5, 1.5)  # noqa: S311 - no secret

    def _look(self) -> _Look:
        own_s = time.process_time() if self.core is None else _gathered_s()
        return _Look(time.monotonic(), self._busy_s(), own_s)

    def _follow(self, before: _Look, now: _Look) -> None:
        took_s = now.at_s - before.at_s
        busy = {
            core: (now.busy_s[core] - before.busy_s[core]) / took_s
            for core in self._cores & now.busy_s.keys() & before.busy_s.keys()
        }
        if len(busy) < len(self._cores) or now.at_s < self._apart_until_s:
            return
        own = max(0.0, now.own_s - before.own_s) / took_s
        core = best_core(busy, own, self.core)
        if core is None and self.core is not None:
            self._apart_until_s = now.at_s + self._patience_s
            self._patience_s = min(2 * self._patience_s, PATIENCE_MAX_S)
            scatter()
        elif core is not None and core != self.core:
            gather(core)
        elif core is not None:
            self._patience_s = max(self._patience_s - took_s, PATIENCE_MIN_S)
        if core != self.core:
            _logger.debug("OS threads are on core %s", core, extra={"action": "gather"})
        self.core = core


def _has_choice() -> bool:
    affinity = getattr(os, "sched_getaffinity", None)
    return affinity is not None and len(affinity(0)) > 1 and bool(_busy_s())


def _gathered_s() -> float:
    """Return the CPU time of the OS threads that are gathered, in seconds."""
    ticks = 0
    for number in gathered_threads():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            fields = _fields(Path(f"/proc/self/task/{number}/stat"))
            ticks += sum(int(fields[place]) for place in _CPU)
    return ticks / _TICKS_PER_S


def _busy_s() -> dict[int, float]:
    """Return for each core for how long it was busy; nothing where nobody knows."""
    found = {}
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    for line in lines:
        name, *ticks = line.split()
        if name.startswith("cpu") and name[3:].isdecimal():
            busy = [int(n) for place, n in enumerate(ticks[:8]) if place not in _IDLE]
            found[int(name[3:])] = sum(busy) / _TICKS_PER_S
    return found


def _fields(path: Path) -> list[str]:
    """Return what stands behind the name, which may have blanks and parentheses."""
    return path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
