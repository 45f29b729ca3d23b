"""The real ``weft`` command, which dies of SIGKILL around the start of a run.

``python -m tests.daemon.dying WHEN ARGUMENT...``: as the writer has the start in its
hand, ``before`` or ``after`` that is durable, and before anybody hears of it.
"""

import os
import signal
import sys
from collections.abc import Sequence

from weft.daemon.main import run
from weft.storage import LmdbStore, Operation, Outcome, StartRun


def main(when: str, *arguments: str) -> int:
    """Run the command until the first run starts."""
    apply = LmdbStore.apply

    def die(store: LmdbStore, operations: Sequence[Operation]) -> list[Outcome]:
        starts = any(isinstance(one, StartRun) for one in operations)
        if starts and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        outcomes = apply(store, operations)
        if starts:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcomes

    LmdbStore.apply = die  # type: ignore[method-assign, assignment]
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
