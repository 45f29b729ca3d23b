"""A worker process, as the process that uses it sees it.

It is started by ``spawn``, never by ``fork``: it shares no memory, no lock and no
database with this one. It leads a process group of its own, so that killing it takes
along what its code has started, and a Ctrl-C on the terminal is not its affair.

Guarantees: its end is noticed whoever has inherited its channels; it ends with this
process; asking it to stop never blocks.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection, wait
from typing import Any, Final

import msgspec

from weft.actors.errors import WorkerDied
from weft.actors.process_messages import (
    NUMBER,
    Answer,
    Begin,
    GoOn,
    Spoken,
    decode_spoken,
    encode_message,
)
from weft.storage.cores import freed

__all__ = ["WorkerProcess"]

_BOOT: Final = (
    "import sys, json\n"
    "sys.path[:] = json.loads(sys.argv[1])\n"
    "from weft.actors.process_worker import main\n"
    "main(int(sys.argv[2]), int(sys.argv[3]))\n"
)

REAP_TIMEOUT_S: Final = 5.0
"""A killed process is gone in milliseconds, unless the kernel is busy for it."""


class _Descriptor:
    """A file descriptor that is closed when nobody uses it any more."""

    def __init__(self, number: int) -> None:
        self.number = number

    def fileno(self) -> int:
        return self.number

    def __del__(self) -> None:
        os.close(self.number)


class WorkerProcess:
    """A process that executes one run at a time."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            OSError: the system has no process or descriptor left.
        """
        ours, theirs = socket.socketpair()
        hear, tell = os.pipe()
        self._control = _Descriptor(tell)
        with ours, theirs, contextlib.closing(os.fdopen(hear, "rb")):
            self._process = _start(theirs.fileno(), hear)
            self._connection = Connection(ours.detach())
        self._end = _Descriptor(os.pidfd_open(self._process.pid))
        self._number = 0

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return not wait([self._end.fileno()], timeout=0)

    def begin(self, message: Begin) -> int:
        """Have it execute a run, up to its first state.

        Returns:
            The run's number here, for :meth:`cancel`.

        Raises:
            WorkerDied: it has ended.
        """
        self._number += 1
        self._send(msgspec.structs.replace(message, number=self._number))
        return self._number

    def go_on(self, message: GoOn) -> None:
        """Have it execute the run's next step.

        Raises:
            WorkerDied: it has ended.
        """
        self._send(message)

    def answer(self, message: Answer) -> None:
        """Answer what it asked.

        Raises:
            WorkerDied: it has ended.
        """
        self._send(message)

    def _send(self, message: Begin | GoOn | Answer) -> None:
        try:
            self._connection.send_bytes(encode_message(message))
        except ConnectionError as error:
            raise self._died() from error

    def receive(self) -> Spoken:
        """Wait for what it says: what the step came to, or something on the way.

        Raises:
            WorkerDied: it ended before.
        """
        wait([self._connection, self._end.fileno()])
        try:
            if self._connection.poll(0):  # also where it ended after the answer
                spoken: Spoken = decode_spoken(self._connection.recv_bytes())
                return spoken
        except (EOFError, ConnectionError) as error:
            raise self._died() from error
        raise self._died()

    def cancel(self, number: int) -> None:
        """Ask a run to stop; nothing happens if the worker has come to another one."""
        control = self._control  # is not closed while it is held here
        with contextlib.suppress(ConnectionError):
            os.write(control.fileno(), NUMBER.pack(number))

    def kill(self) -> None:
        """End it at once, and what its code has started; twice is no error."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def bury(self) -> int | None:
        """Kill it, wait until it has ended, and close the channels.

        Returns:
            Its exit code; None if it has not ended even so.
        """
        self.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP_TIMEOUT_S)
        self._connection.close()
        return self._process.returncode

    def _died(self) -> WorkerDied:
        code = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            # Its channel may be closed while it still ends; then its own code counts.
            code = self._process.wait(REAP_TIMEOUT_S)
        return WorkerDied(
            f"The worker process ended with {_words_of(code)} while it executed the "
            "run.",
            details={"exit_code": code},
        )


def _start(connection: int, control: int) -> subprocess.Popen[bytes]:
    arguments: list[Any] = [json.dumps(sys.path), connection, control]
    with freed():
        return subprocess.Popen(  # noqa: S603 - this interpreter, and our own module
            [sys.executable, "-c", _BOOT, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            pass_fds=(connection, control),
            start_new_session=True,
        )


def _words_of(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
