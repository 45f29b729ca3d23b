"""Work on a file that may kill its reader, in a process that may die of it.

The child is this same Python, running :mod:`weft.storage.child_main`. It says nothing
but its result, in JSON, at its end; how far it is can be seen from outside.

Guarantees: a child that dies, or makes no progress for :data:`SILENCE_S`, is an answer
and not an exception; no child outlives the call.
"""

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final, Generic, TypeVar

import msgspec

from weft.storage.cores import freed
from weft.storage.progress import Progress

__all__ = ["SILENCE_S", "Ended", "Poll", "io_bytes", "run_child"]

SILENCE_S: Final = 300.0
"""No page takes this long: a child that shows no progress meanwhile is stuck."""

_TICK_S: Final = 0.2
"""How often progress is asked for; a bar moves smoothly at five a second."""

_CRASHES: Final = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT})
"""What a damaged page does to its reader (measured: of 600 damages, 194 times)."""

T = TypeVar("T")

Poll = Callable[[int], tuple[int, int] | None]
"""Asked with the child's pid how far it is: done and of all, None if unknown."""


class Ended(msgspec.Struct, Generic[T], frozen=True):
    """How a child ended.

    Attributes:
        result: what it found; None if it died before it had one.
        crashed: it died of what it read, not of somebody's wish.
        words: how it ended, a clause.
        duration_s: in seconds.
    """

    result: T | None
    crashed: bool
    words: str
    duration_s: float


def run_child(
    job: Sequence[str],
    kind: type[T],
    *,
    progress: Progress | None = None,
    poll: Poll | None = None,
) -> Ended[T]:
    """Run a job in a child process and wait for its end.

    Args:
        job: its name and arguments, see :mod:`weft.storage.child_main`.
        kind: the type of its result.
        progress: told how far it is.
        poll: see :data:`Poll`.

    Raises:
        OSError: the process cannot be started.
    """
    began_s = time.perf_counter()
    command = [sys.executable, "-m", "weft.storage.child_main", *job]
    with (
        tempfile.TemporaryFile() as talk,
        _started(command, talk) as process,
    ):
        try:
            said = _heard(process, progress, poll)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        words = _ending(process.wait(), talk)
    found = None
    if process.returncode == 0:
        found = msgspec.json.decode(said, type=kind)
    duration_s = time.perf_counter() - began_s
    return Ended(found, -process.returncode in _CRASHES, words, duration_s)


def _started(command: Sequence[str], talk: IO[bytes]) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(place for place in sys.path if place)
    with freed():
        return subprocess.Popen(  # noqa: S603 (this Python, our module, two paths)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=talk,
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,  # its own children end with it
        )


def io_bytes(pid: int) -> tuple[int, int] | None:
    """Return how many bytes a process has read and written, None if unknown."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return int(lines[0].split()[1]), int(lines[1].split()[1])


def _heard(
    process: subprocess.Popen[bytes], progress: Progress | None, poll: Poll | None
) -> bytes:
    """Return what a child says, once it ends or shows no progress any more."""
    assert process.stdout is not None  # noqa: S101 (it is a pipe)
    descriptor = process.stdout.fileno()
    ear = select.poll()  # select() refuses descriptors above 1,023
    ear.register(descriptor, select.POLLIN)
    said, moved_s, last = b"", time.monotonic(), None
    while poll is None or time.monotonic() - moved_s < SILENCE_S:
        if ear.poll(_TICK_S * 1000):
            data = os.read(descriptor, 1 << 16)
            if not data:
                process.wait(SILENCE_S)
                break
            said += data
        elif poll is not None and (now := poll(process.pid)) not in {last, None}:
            last, moved_s = now, time.monotonic()
            if progress is not None and now is not None:
                progress(*now)
    return said


def _ending(code: int, talk: IO[bytes]) -> str:
    """Return how a process ended, with the last it said."""
    if code < 0:
        words = f"was killed by {signal.Signals(-code).name}"
    else:
        words = f"ended with exit code {code}"
    talk.seek(0)
    said = talk.read().decode(errors="replace").strip().splitlines()
    return f"{words} ({said[-1]})" if said else words
