"""A raw flush every few milliseconds, beside what is measured.

It runs in a process of its own, ``python -m bench.probe``. How long the disk takes
changes from second to second: a latency is judged by what a plain 4 KiB write and flush
took in the same seconds, on the same disk.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final, Self

import msgspec

__all__ = ["Flushes", "Probe"]

_INTERVAL_S: Final = 0.01
_PAGE_SIZE_BYTES: Final = 4096
_END_TIMEOUT_S: Final = 30.0


class Flushes(msgspec.Struct, frozen=True):
    """What the flushes took.

    Attributes:
        number: of them.
    """

    number: int
    p50_us: float
    p99_us: float


class Probe:
    """Flushes in a process of its own while a ``with`` lasts.

    Args:
        directory: on the disk to probe.

    Attributes:
        flushes: what they took, afterwards.
    """

    flushes: Flushes

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> Self:
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, "-m", "bench.probe", str(self._directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._pipe("stdout").readline()  # it has begun
        return self

    def __exit__(self, *_: object) -> None:
        written, _nothing = self._process.communicate(timeout=_END_TIMEOUT_S)
        self.flushes = msgspec.json.decode(written, type=Flushes)

    def _pipe(self, name: str) -> Any:
        return getattr(self._process, name)


def main() -> None:
    directory = Path(sys.argv[1])
    os.set_blocking(sys.stdin.fileno(), False)
    print("began", flush=True)
    took_us = sorted(_flush_until_end(directory / "probe-beside"))
    number = len(took_us)
    flushes = Flushes(number, took_us[number // 2], took_us[number * 99 // 100])
    sys.stdout.buffer.write(msgspec.json.encode(flushes))


def _flush_until_end(path: Path) -> list[float]:
    """Flush until standard input is closed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    page = os.urandom(_PAGE_SIZE_BYTES)
    took_us: list[float] = []
    while not _closed(sys.stdin.fileno()) or not took_us:
        time.sleep(_INTERVAL_S)
        began_ns = time.perf_counter_ns()
        os.pwrite(descriptor, page, 0)
        os.fdatasync(descriptor)
        took_us.append((time.perf_counter_ns() - began_ns) / 1e3)
    os.close(descriptor)
    path.unlink()
    return took_us


def _closed(descriptor: int) -> bool:
    try:
        return os.read(descriptor, 1) == b""
    except BlockingIOError:
        return False


if __name__ == "__main__":
    main()
