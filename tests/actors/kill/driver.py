"""Kills a process at work with SIGKILL, again and again, and looks at what is left.

    python -m tests.actors.kill.driver SEED KILLS DIRECTORY

Each life is a forked child with a real runtime under load. What it is answered it
writes to a pipe before it goes on, so the parent knows what was acknowledged when it
kills it, at a moment drawn from the seed. Another child then opens what is left.
"""

import os
import select
import signal
import sys
import time
from pathlib import Path
from random import Random
from threading import Event
from typing import Any, Final

import msgspec

from tests.actors.kill.load import WORKFLOWS, Journaled, answered, live
from tests.storage.invariants import broken
from weft.actors import Runtime
from weft.storage import LmdbStore
from weft.storage.check import check

__all__ = ["Found", "main"]

ANSWERS_MAX: Final = 150
DELAY_MAX_S: Final = 0.004
"""A commit takes less: the kill may fall into any part of one."""

LIVES_PER_STORE: Final = 25
DEADLINE_S: Final = 30.0
LOOK_S: Final = 0.002


class Found(msgspec.Struct):
    """What was left by one kill, or by all.

    Attributes:
        acknowledged: answers that were journaled before the kill.
        unheard: operations that were applied and not yet answered, or not journaled.
        resumed: runs that were in progress and taken over.
        interrupted: runs that were in progress and marked so.
        first_answer_s: the longest, from the opening to an answer.
        faults: what must not be, in words.
    """

    kills: int = 0
    acknowledged: int = 0
    unheard: int = 0
    resumed: int = 0
    interrupted: int = 0
    first_answer_s: float = 0.0
    faults: list[str] = []

    def add(self, other: "Found") -> None:
        """Take over what another kill left."""
        self.kills += 1
        self.acknowledged += other.acknowledged
        self.unheard += other.unheard
        self.resumed += other.resumed
        self.interrupted += other.interrupted
        self.first_answer_s = max(self.first_answer_s, other.first_answer_s)
        self.faults += other.faults


def kill_one(directory: Path, life: int, random: Random) -> list[Journaled]:
    """Let a child live, kill it, and return what it had journaled."""
    target, delay_s = random.randrange(1, ANSWERS_MAX), random.random() * DELAY_MAX_S
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _in_child(lambda: _live(directory, life, writing))
    os.close(writing)
    data, end_s = b"", time.monotonic() + DEADLINE_S
    while data.count(b"\n") < target:
        left_s = end_s - time.monotonic()
        if not select.select([reading], [], [], max(0.0, left_s))[0]:
            raise TimeoutError(f"life {life} of {directory} is stuck")
        more = os.read(reading, 1 << 16)
        if not more:
            raise RuntimeError(f"life {life} of {directory} ended by itself")
        data += more
    Event().wait(delay_s)
    os.kill(pid, signal.SIGKILL)
    while more := os.read(reading, 1 << 16):
        data += more
    os.close(reading)
    os.waitpid(pid, 0)
    lines = data.split(b"\n")[:-1]  # the last one may have been cut off
    return [msgspec.json.decode(line, type=Journaled) for line in lines]


def _live(directory: Path, life: int, pipe: int) -> None:
    live(Runtime.open(directory, workflows=WORKFLOWS), life, pipe)


def _in_child(work: Any) -> None:
    try:
        work()
    except BaseException:  # noqa: BLE001 - a forked child must not go on
        sys.excepthook(*sys.exc_info())
    os._exit(1)


def look(directory: Path, journal: list[Journaled], *, resume: bool) -> Found:
    """Return, from a child, what a kill left."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _in_child(lambda: _tell(directory, journal, writing, resume=resume))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    if not told:
        raise RuntimeError(f"nobody could look at {directory}, see above")
    return msgspec.json.decode(told, type=Found)


def _tell(
    directory: Path, journal: list[Journaled], pipe: int, *, resume: bool
) -> None:
    found = Found(acknowledged=len(journal))
    running = _look_at_store(directory, journal, found)
    _look_at_runtime(directory, journal, found, running, resume=resume)
    os.write(pipe, msgspec.json.encode(found))
    os._exit(0)


def _look_at_store(
    directory: Path, journal: list[Journaled], found: Found
) -> list[str]:
    """Look at the file as it lies there; return the runs in progress."""
    store = LmdbStore(directory)
    with store.read() as snapshot:
        found.faults += [str(one) for one in check(snapshot).inconsistencies]
        found.faults += broken(snapshot)
        heard = {one.step.op_id for one in journal}
        known = {one.op_id for one in snapshot.operations()}
        found.faults += [f"{op_id} was lost" for op_id in heard - known]
        life = f"{journal[0].step.life}-"
        found.unheard = sum(o.startswith(life) for o in known - heard)
        running = [run_id for run_id, _ in snapshot.live_runs()]
    store.close()
    return running


def _look_at_runtime(
    directory: Path,
    journal: list[Journaled],
    found: Found,
    running: list[str],
    *,
    resume: bool,
) -> None:
    """Open it as its next owner does: runs end, answers are the same."""
    began_s = time.perf_counter()
    with Runtime.open(directory, workflows=WORKFLOWS if resume else {}) as runtime:
        runtime.coordinator.get_session("s0").get(timeout=DEADLINE_S)
        found.first_answer_s = time.perf_counter() - began_s
        _wait_for_runs(runtime)
        for run_id in running:
            run = runtime.coordinator.get_run(run_id).get(timeout=DEADLINE_S)
            status = "gone" if run is None else run.status
            found.resumed += status == "success"
            found.interrupted += status == "interrupted"
            if status != ("success" if resume else "interrupted"):
                found.faults.append(f"run {run_id} was in progress and is {status}")
        for one in journal:
            again = answered(runtime, one.step)
            if not one.agrees(again):
                found.faults.append(f"{one} is answered {again} after"[:500])
        found.faults += [str(one) for one in runtime.check().inconsistencies]


def _wait_for_runs(runtime: Runtime) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < end_s:
        with runtime.store.read() as snapshot:
            if not list(snapshot.live_runs()):
                return
        Event().wait(LOOK_S)
    raise TimeoutError("runs in progress did not end")


def main(seed: str, kills: str, directory: str) -> None:
    """Kill as often as asked and print what was found, as JSON."""
    random, every = Random(int(seed)), Found()
    for life in range(int(kills)):
        place = Path(directory) / f"{life // LIVES_PER_STORE}"
        journal = kill_one(place, life, random)
        every.add(look(place, journal, resume=life % 2 == 0))
        if every.faults:
            break
    sys.stdout.write(msgspec.json.encode(every).decode() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
