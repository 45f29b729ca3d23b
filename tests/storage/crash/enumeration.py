"""Records a writer, rebuilds every state a crash may leave, and judges each.

    python -m tests.storage.crash.enumeration '{"seeds": [1, 2], "groups": 20}'

A damaged page can kill the process that reads it, so states are judged in a forked
child; when one dies, that is a finding, and the next goes on behind the state that
killed it. A finding names seed and number of its state, and the same plan finds it
again.
"""

import itertools
import mmap
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

import msgspec

from tests.storage.crash.judge import Judge, TruthJudge
from tests.storage.crash.recording import Recording, record
from tests.storage.crash.states import HOWS, CrashState, crash_states
from tests.storage.iorecorder import Sync, Write
from weft.storage import codec
from weft.storage.operation_log import OperationLog

__all__ = ["Finding", "Plan", "Report", "scratch"]

FINDINGS_MAX: Final = 20
"""Kept with their words; all are counted."""

_WORD_SIZE_BYTES: Final = 8


class Plan(msgspec.Struct, forbid_unknown_fields=True):
    """What to enumerate.

    Attributes:
        seeds: one recording for each.
        groups: commit groups of a recording.
        defect: how to break the store; a name of `recording.DEFECTS`.
        lying: let the disk ignore the last sync of data, and demand only that nothing
            is read that was never written.
        checksums: False reads values without comparing their checksums.
        states_max: stop when so many were judged.
        seconds_max: stop when so many seconds are over.
    """

    seeds: list[int]
    groups: int = 20
    defect: str = ""
    lying: bool = False
    checksums: bool = True
    states_max: int = 1 << 62
    seconds_max: float = 1e9


class Finding(msgspec.Struct):
    """A state that must not be."""

    seed: int
    number: int
    point: int
    how: str
    faults: list[str]


class Report(msgspec.Struct):
    """What an enumeration did and found.

    Attributes:
        states: how many were judged.
        by_how: of them, by what the crash left.
        violations: how many had faults.
        findings: the first of these.
        killed: how many killed the process that read them, by signal.
    """

    states: int = 0
    by_how: dict[str, int] = {}
    violations: int = 0
    findings: list[Finding] = []
    killed: dict[str, int] = {}
    recordings: int = 0
    operations: int = 0
    writes: int = 0
    syncs: int = 0
    image_bytes: int = 0
    duration_s: float = 0.0

    def add(self, finding: Finding) -> None:
        """Count a state with faults."""
        self.violations += 1
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)


def enumerate_crashes(plan: Plan, directory: Path) -> Report:
    """Judge the states of a plan in forked children.

    Args:
        plan: what to do.
        directory: for the stores; best in memory.
    """
    report = Report()
    started_s = time.perf_counter()
    for seed in plan.seeds:
        place = directory / str(seed)
        recording = record(place / "recorded", seed, plan.groups, plan.defect)
        report.recordings += 1
        report.operations += sum(map(len, recording.groups))
        report.writes += sum(isinstance(event, Write) for event in recording.events)
        report.syncs += sum(isinstance(event, Sync) for event in recording.events)
        report.image_bytes = max(report.image_bytes, _end(recording))
        _Examination(plan, seed, recording, place / "crashed").run(report)
        shutil.rmtree(place)
        report.duration_s = time.perf_counter() - started_s
        if report.states >= plan.states_max or report.duration_s > plan.seconds_max:
            break
    return report


def _end(recording: Recording) -> int:
    writes = [event for event in recording.events if isinstance(event, Write)]
    return max(event.offset + len(event.data) for event in writes)


class _Examination:
    """The states of one recording, judged child by child."""

    def __init__(
        self, plan: Plan, seed: int, recording: Recording, directory: Path
    ) -> None:
        self._plan = plan
        self._seed = seed
        self._recording = recording
        self._directory = directory
        # Shared with the children: the number of the state, and of each kind a count.
        size_bytes = _WORD_SIZE_BYTES * (1 + len(HOWS))
        self._progress = memoryview(mmap.mmap(-1, size_bytes)).cast("Q")

    def run(self, report: Report) -> None:
        """Add what was found to a report."""
        start: int | None = 0
        while start is not None:
            start = self._part(start, report)
        for how, count in zip(HOWS, self._progress[1:], strict=True):
            report.by_how[how] = report.by_how.get(how, 0) + count

    def _part(self, start: int, report: Report) -> int | None:
        """Judge in a child; return where to go on, None if it came to the end."""
        left = self._plan.states_max - report.states
        self._progress[0] = start
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self._child(start, left, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            findings = [msgspec.json.decode(line, type=Finding) for line in pipe]
        _, status = os.waitpid(pid, 0)
        end = self._progress[0]
        for finding in findings:
            report.add(finding)
        if not os.WIFSIGNALED(status):
            if status != 0:
                raise RuntimeError(f"judging seed {self._seed} failed, see above")
            report.states += end - start
            return None
        report.states += end + 1 - start
        name = signal.Signals(os.WTERMSIG(status)).name
        report.killed[name] = report.killed.get(name, 0) + 1
        if not self._plan.lying:  # a process that dies tells no untruth
            words = [f"it killed its reader with {name}"]
            report.add(Finding(self._seed, end, -1, "killed", words))
        return end + 1

    def _child(self, start: int, left: int, pipe: int) -> None:
        """Judge states from a number on; report; never return."""
        if self._plan.defect or self._plan.lying:  # what LMDB says as it dies
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            with self._reading():
                self._judge(start, left, pipe)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a forked child must not go on
            sys.excepthook(*sys.exc_info())
            os._exit(1)

    def _reading(self) -> AbstractContextManager[Any]:
        if self._plan.defect == "forgetful":
            return patch.object(OperationLog, "first_answer", lambda *_: None)
        if not self._plan.checksums:
            return patch.object(codec, "crc32", lambda *_: _Anything())
        return nullcontext()

    def _judge(self, start: int, left: int, pipe: int) -> None:
        kind = TruthJudge if self._plan.lying else Judge
        judge = kind(self._recording, self._directory)
        stop_s = time.perf_counter() + self._plan.seconds_max
        for number, state in self._states(start, left):
            self._progress[0] = number
            self._progress[1 + HOWS.index(state.how)] += 1
            if faults := judge.faults(state):
                words = faults[:3]
                finding = Finding(self._seed, number, state.point, state.how, words)
                os.write(pipe, msgspec.json.encode(finding) + b"\n")
            self._progress[0] = number + 1
            if time.perf_counter() > stop_s:
                break

    def _states(self, start: int, left: int) -> Iterator[tuple[int, CrashState]]:
        events = self._recording.events
        if self._plan.lying:
            events = [event for event in events if not isinstance(event, Sync)]
        every = crash_states(self._recording.image, events, Random(self._seed))
        return itertools.islice(enumerate(every), start, start + left)


class _Anything(int):
    """Equal to every checksum."""

    def __eq__(self, _: object) -> bool:
        return True

    def __ne__(self, _: object) -> bool:
        return False

    __hash__ = int.__hash__


def scratch() -> Path:
    """Return where states are cheapest to write: in memory, where there is a place."""
    memory = Path("/dev/shm")  # noqa: S108 (a directory of its own is made in it)
    return Path(
        tempfile.mkdtemp(
            prefix="weft-crash-", dir=memory if os.access(memory, os.W_OK) else None
        )
    )


def main(plan: str) -> None:
    """Enumerate a plan given as JSON and print the report as JSON."""
    directory = scratch()
    try:
        report = enumerate_crashes(msgspec.json.decode(plan, type=Plan), directory)
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main(sys.argv[1])
