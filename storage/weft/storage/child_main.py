"""What runs in a child process: ``python -m weft.storage.child_main JOB ARGUMENTS``.

Jobs: ``examine PLACE``; ``copy PLACE TO``. Each writes its result to stdout, as JSON.
See :mod:`weft.storage.child` for why it is a process of its own.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from weft.storage.examine import examine_here
from weft.storage.lmdb_reader import LmdbReader
from weft.storage.mark import flush
from weft.storage.verify import Examination

__all__ = ["main"]


def main(name: str, *arguments: str) -> None:
    """Do a job and tell its result."""
    data = msgspec.json.encode(_JOBS[name](*arguments))
    while data:  # a pipe may take a part
        data = data[os.write(sys.stdout.fileno(), data) :]


def _examine(place: str) -> Examination:
    return examine_here(Path(place))


def _copy(place: str, to: str) -> Examination:
    """Copy a store that may be written meanwhile; return what is in the copy."""
    reader = LmdbReader(Path(place))
    reader.copy(Path(to))
    reader.close()
    copy = Path(to) / "data.mdb"
    copy.chmod(0o600)  # the engine asks for 0666
    for path in (copy, copy.parent):
        flush(path)
    return examine_here(Path(to))


_JOBS: Final[dict[str, Callable[..., Any]]] = {"examine": _examine, "copy": _copy}

if __name__ == "__main__":
    main(*sys.argv[1:])
