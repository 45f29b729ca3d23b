"""The watchdog: an OS thread that names the handler which keeps everybody waiting.

All actors share one OS thread, so a handler that blocks stalls them all. The watchdog
looks at the dispatcher from outside, so it works while the dispatcher is stuck.

Guarantees:
    - A turn that takes one and a half limits is reported once, while it still runs,
      with the stack of its handler, and counted by kind of actor.
    - The dispatcher pays nothing for it: it publishes its present mail anyway.

It reports; nobody can stop a handler of Python code from outside.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from weft.actors.helper_thread import HelperThread
from weft.actors.turn_counter import SYSTEM_KIND

if TYPE_CHECKING:
    from weft.actors.scheduler import Mail

__all__ = ["LONG_TURN_S", "LongTurn", "Watchdog"]

_logger = logging.getLogger("weft.actors.watchdog")

LONG_TURN_S: Final = 0.1
"""What people notice; at a microsecond a turn, 100,000 messages waited behind it."""

LOOKS_PER_LIMIT: Final = 4
"""A turn is seen at most a quarter of the limit late. 40 looks a second cost 0.05 %."""

LONG_TURNS_KEPT: Final = 32
"""The last ones that can be looked at; the log has all, with their stacks."""

_NOWHERE: Final = "    (the turn ended before its stack could be read)\n"


class Watched(Protocol):
    """What is known from outside of what runs turns: the dispatcher."""

    @property
    def current(self) -> Mail | None:
        """The mail whose turn it is; None between turns."""
        ...

    @property
    def os_thread_id(self) -> int | None:
        """Which OS thread runs the turns; None before the start."""
        ...


class LongTurn(msgspec.Struct, frozen=True, gc=False):
    """A turn that was reported.

    Attributes:
        actor: the name of the actor.
        kind: its kind.
        message_type: the name of the type of what it handled.
        at_s: when it was reported, Unix time; it went on.
    """

    actor: str
    kind: str
    message_type: str
    at_s: float


class Watchdog(HelperThread):
    """Watches one dispatcher, on a daemon OS thread named ``weft-watchdog``."""

    os_thread_name = "weft-watchdog"

    def __init__(self, dispatcher: Watched, limit_s: float = LONG_TURN_S) -> None:
        """Create a watchdog; :meth:`start` it.

        Args:
            dispatcher: whom to watch.
            limit_s: how long a turn may take, in seconds.
        """
        super().__init__()
        self.limit_s = limit_s
        self.long_turns: dict[str, int] = {}
        self.seen: deque[LongTurn] = deque(maxlen=LONG_TURNS_KEPT)
        self._dispatcher = dispatcher
        self._seen: Mail | None = None
        self._seen_s = 0.0
        self._reported = False

    def _run(self) -> None:
        while not self._stopping:
            self._look()
            self._wakeup.wait(self.limit_s / LOOKS_PER_LIMIT)

    def _look(self) -> None:
        mail, now_s = self._dispatcher.current, time.monotonic()
        if mail is None or mail is not self._seen:
            self._seen, self._seen_s, self._reported = mail, now_s, False
        elif not self._reported and now_s - self._seen_s > self.limit_s:
            self._reported = True
            stack = self._stack()
            if self._dispatcher.current is not mail:
                stack = _NOWHERE
            self._report(mail[0], mail[1], now_s - self._seen_s, stack)

    def _stack(self) -> str:
        ident = self._dispatcher.os_thread_id or 0
        frame = sys._current_frames().get(ident)  # noqa: SLF001  # there is no other way
        if frame is None:
            return _NOWHERE
        return "".join(traceback.format_list(traceback.extract_stack(frame)))

    def _report(self, cell: Any, message: object, took_s: float, stack: str) -> None:
        kind = getattr(cell.actor_class, "kind", SYSTEM_KIND)
        self.long_turns[kind] = self.long_turns.get(kind, 0) + 1
        named = LongTurn(str(cell), kind, type(message).__name__, time.time())
        self.seen.append(named)
        _logger.warning(
            "A turn of %s on a %s has been running for %.3f s; all others wait:\n%s",
            cell,
            type(message).__name__,
            took_s,
            stack.rstrip(),
            extra={"action": "long_turn", "actor_kind": kind, "turn_s": took_s},
        )
