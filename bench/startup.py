"""How long a large store takes to answer after kill -9.

A process opens the store, changes it, and is killed in the midst of it. Another opens
it: the time runs from its start, interpreter and imports included, until its first
durable operation is answered. ``python -m bench.startup ROLE DIRECTORY`` is both.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.engine import ANSWER_TIMEOUT_S
from bench.machine import heap_bytes

__all__ = ["StartupMeasurement", "StartupSpec", "measure_startup"]

_GROUPS: Final = 30
_IN_FLIGHT: Final = 64


class StartupSpec(msgspec.Struct, frozen=True, tag=True):
    """Kill and reopen a store that was prepared."""

    directory: str


class StartupMeasurement(msgspec.Struct, frozen=True):
    """What a start takes.

    Attributes:
        whole_s: from the start of the process to its first durable answer.
        open_s: of that, from the call that opens the store on.
        heap_bytes: anonymous memory of the process then.
        lost: operations answered before the kill that were not found; 0.
    """

    whole_s: float
    open_s: float
    heap_bytes: int
    lost: int


class _Answer(msgspec.Struct, frozen=True):
    open_s: float
    heap_bytes: int
    seq: int


def measure_startup(spec: StartupSpec) -> StartupMeasurement:
    """Kill one process, start another.

    Raises:
        AssertionError: an operation that was answered before the kill is lost.
    """
    answered = _killed(spec.directory)
    began_s = time.perf_counter()
    process = _start("answer", spec.directory)
    output: Any = process.stdout
    line = output.readline()
    whole_s = time.perf_counter() - began_s
    process.communicate(timeout=ANSWER_TIMEOUT_S)
    answer = msgspec.json.decode(line, type=_Answer)
    lost = max(0, answered + 1 - answer.seq)  # its own operation is one more
    if lost:
        raise AssertionError(f"{lost} answered operations are lost")
    return StartupMeasurement(whole_s, answer.open_s, answer.heap_bytes, lost)


def _start(role: str, directory: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "bench.startup", role, directory]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def _killed(directory: str) -> int:
    """Kill a process in the midst of its work; return the last answered ``seq``."""
    process = _start("work", directory)
    output: Any = process.stdout
    text = b"".join(output.readline() for _ in range(_GROUPS))
    process.kill()
    text += output.read()
    process.wait(ANSWER_TIMEOUT_S)
    *whole, _cut_off = text.split(b"\n")
    return int(whole[-1])


def _work(directory: str) -> None:
    """Work until killed, and print each durable ``seq``."""
    from weft.actors import Runtime

    runtime = Runtime.open(directory)
    number = 0
    while True:
        futures = []
        for _ in range(_IN_FLIGHT):
            session = runtime.session(f"startup-{number % 500}")
            futures.append(session.create_thread(f"{time.time_ns()}"))
            number += 1
        threads = [future.get(timeout=ANSWER_TIMEOUT_S) for future in futures]
        with runtime.store.read() as snapshot:
            found: list[Any] = [snapshot.thread(made.thread_id) for made in threads]
        print(max(thread.created_seq for thread in found), flush=True)


def _answer(directory: str) -> None:
    from weft.actors import Runtime

    began_s = time.perf_counter()
    runtime = Runtime.open(directory)
    session = runtime.session("startup")
    session.create_thread(f"{time.time_ns()}").get(timeout=ANSWER_TIMEOUT_S)
    open_s = time.perf_counter() - began_s
    with runtime.store.read() as snapshot:
        seq = snapshot.seq
    answer = _Answer(open_s, heap_bytes(), seq)
    print(msgspec.json.encode(answer).decode(), flush=True)
    runtime.close()


_ROLES: Final = {"work": _work, "answer": _answer}


def main() -> None:
    role, directory = sys.argv[1:]
    if not Path(directory).is_dir():
        raise SystemExit(f"{directory} is not a folder")
    _ROLES[role](directory)


if __name__ == "__main__":
    main()
