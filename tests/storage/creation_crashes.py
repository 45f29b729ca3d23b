"""Kill a process at every line of a store's creation: `creation_crashes.py DIRECTORY`.

For n = 1, 2, ... a forked child creates a store in DIRECTORY/<n> and kills itself with
SIGKILL before the n-th line it executes in the module of the LMDB store. The last
child, which finds no n-th line, ends by itself.
"""

import itertools
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from weft.storage import LmdbStore
from weft.storage import lmdb as watched


def kill_at_line(number: int) -> None:
    """Arm a trace that kills this process before its n-th line of the module."""
    left = itertools.count(number - 1, -1)

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != watched.__file__:
            return None
        if event == "line" and next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def main(parent: Path) -> None:
    """Fork one child for each line, one after the other."""
    for number in itertools.count(1):
        pid = os.fork()
        if pid == 0:
            kill_at_line(number)
            LmdbStore(parent / f"{number:04}")
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
