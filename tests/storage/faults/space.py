"""A file system with little room, where one can be had.

A small tmpfs is the real thing: it runs full under the store and finds room when a file
is deleted. Mounting one takes rights that not everybody has; the limit of a process on
the size of its files (`RLIMIT_FSIZE`) takes none, so that one is tried everywhere.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["mountable", "mounted"]


def mountable(directory: Path) -> bool:
    """Whether this process may mount a file system of its own."""
    try:
        with mounted(directory, size_bytes=1 << 20):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def mounted(directory: Path, size_bytes: int, *options: str) -> Iterator[Path]:
    """Mount a file system in memory on a directory, for the time of a with block.

    Raises:
        subprocess.CalledProcessError: this process may not.
        OSError: there is no `mount`.
    """
    directory.mkdir(exist_ok=True)
    words = ",".join((f"size={size_bytes}", *options))
    mount = ["mount", "-t", "tmpfs", "-o", words, "weft-test", str(directory)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)
