"""Telling systemd how the daemon is: ready, reloading, stopping, alive.

The protocol is a datagram to the socket that ``NOTIFY_SOCKET`` names: sd_notify(3).
Where there is none, nothing is sent.

Guarantees: a heartbeat is sent only while the runtime gets on, so a daemon that is
stuck is started again; a message that cannot be sent stops nothing.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Final, Self

from weft.actors import Runtime

__all__ = ["Heartbeat", "Notifier", "gets_on"]

logger = logging.getLogger("weft.daemon")

BEATS_PER_WATCHDOG: Final = 2
"""As sd_watchdog_enabled(3) advises: one may be late."""

STOP_TIMEOUT_S: Final = 1.0


class Notifier:
    """Speaks to whoever started the daemon.

    Args:
        environment: of the process.

    Attributes:
        watchdog_s: how long systemd waits for a heartbeat, in seconds; None where it
            does not.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._place = environment.get("NOTIFY_SOCKET", "")
        given = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        wanted = bool(self._place) and ours and given.isdecimal() and int(given) > 0
        self.watchdog_s = int(given) / 1e6 if wanted else None

    def ready(self, status: str) -> None:
        """Say that requests are answered, and what to show of it."""
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Say that the configuration is read again; `ready` follows."""
        now_us = time.monotonic_ns() // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now_us}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1\nSTATUS=Stopping.")

    def alive(self) -> None:
        """Send a heartbeat."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._place:
            return
        # A name that begins with @ is one of the abstract namespace.
        place = "\0" + self._place[1:] if self._place[0] == "@" else self._place
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        try:
            with socket.socket(socket.AF_UNIX, kind) as sender:
                sender.sendto(message.encode(), place)
        except OSError as error:
            logger.warning("systemd cannot be told %r: %s", message[:40], error)


class Heartbeat:
    """Sends heartbeats while something is well, for the time of a with block.

    Args:
        notifier: sends them, as often as its systemd wants.
        is_well: whether to send one.
    """

    def __init__(self, notifier: Notifier, is_well: Callable[[], bool]) -> None:
        self._notifier = notifier
        self._is_well = is_well
        self._ended = Event()
        self._os_thread = Thread(target=self._beat, name="weft-heartbeat", daemon=True)

    def __enter__(self) -> Self:
        if self._notifier.watchdog_s is not None:
            self._os_thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._ended.set()
        if self._os_thread.is_alive():
            self._os_thread.join(STOP_TIMEOUT_S)

    def _beat(self) -> None:
        interval_s = (self._notifier.watchdog_s or 0) / BEATS_PER_WATCHDOG
        while not self._ended.wait(interval_s):
            if self._is_well():
                self._notifier.alive()
            else:
                logger.error("The runtime does not get on: no heartbeat is sent.")


def gets_on(runtime: Runtime, limit_s: float) -> bool:
    """Return whether neither dispatcher nor writer keeps anybody waiting for long.

    Args:
        runtime: whose.
        limit_s: how long is long, in seconds.
    """
    statistics = runtime.statistics()
    lag_ns = max(statistics.dispatcher.lag_ns, statistics.writer.lag_ns)
    return lag_ns < limit_s * 1e9
