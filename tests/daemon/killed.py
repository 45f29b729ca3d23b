"""Replay logs in this process, and die of SIGKILL on the way.

``python killed.py LOGDIR DATA LINES DELAY_S``: DELAY_S seconds after LINES lines were
acknowledged, wherever the other logs, the writer and the actors are at that moment.
"""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

from weft.daemon.chat import chat
from weft.daemon.opening import open_runtime
from weft.daemon.plan import plan_logs
from weft.daemon.replay import replay
from weft.daemon.stop import Stop


def die() -> None:
    """End like a process that lost its machine's patience."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(logdir: str, data: str, lines: str, delay_s: str) -> None:
    """Replay until the end comes."""
    left = int(lines)

    def on_line() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            threading.Timer(float(delay_s), die).start()

    with open_runtime(Path(data), [chat]) as runtime:
        logs = plan_logs(Path(logdir))
        work = replay(runtime, logs, concurrency=64, stop=Stop(), on_line=on_line)
        asyncio.run(work)
        threading.Event().wait(10)  # the end may come after the last line


if __name__ == "__main__":
    main(*sys.argv[1:])
