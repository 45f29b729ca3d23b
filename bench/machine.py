"""The machine: what it is, and how long its disk takes for a flush right now."""

import os
import platform
import sqlite3
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

import lmdb
import msgspec

__all__ = ["Machine", "fsync_p50_us", "heap_bytes"]

_PROBES: Final = 200
_PAGE_SIZE_BYTES: Final = 4096


class Machine(msgspec.Struct, frozen=True):
    """What the figures were measured on."""

    processors: int
    processor: str
    system: str
    file_system: str
    python: str
    versions: dict[str, str]

    @classmethod
    def here(cls, directory: Path) -> "Machine":
        """Return this machine, with the file system of a directory."""
        return cls(
            processors=len(os.sched_getaffinity(0)),
            processor=_processor(),
            system=f"{platform.system()} {platform.release()}",
            file_system=_file_system(directory),
            python=platform.python_version(),
            versions={
                "sqlite": sqlite3.sqlite_version,
                "lmdb engine": ".".join(map(str, lmdb.version())),
                **{name: version(name) for name in ("lmdb", "msgspec", "pykka")},
            },
        )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(directory: Path) -> str:
    """Return type and device of the mount that holds a directory."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        device, place, kind, *_ = line.split()
        if directory.is_relative_to(place) and len(place) >= len(best[0]):
            best = (place, f"{kind} on {device}")
    return best[1]


def heap_bytes() -> int:
    """Return how much memory of the process is its own: no files, so no store."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no RssAnon")


def fsync_p50_us(directory: Path) -> float:
    """Return the median time to overwrite 4 KiB and flush them, in microseconds."""
    path = directory / "probe"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        page = os.urandom(_PAGE_SIZE_BYTES)
        os.pwrite(descriptor, page, 0)
        os.fsync(descriptor)
        took_ns = []
        for _ in range(_PROBES):
            began_ns = time.perf_counter_ns()
            os.pwrite(descriptor, page, 0)
            os.fdatasync(descriptor)
            took_ns.append(time.perf_counter_ns() - began_ns)
    finally:
        os.close(descriptor)
        path.unlink()
    return sorted(took_ns)[_PROBES // 2] / 1e3
