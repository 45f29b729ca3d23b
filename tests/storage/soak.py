"""A store that works for a long time on a constant number of threads.

Per thread of the stage: it is created, gets states and a graph's checkpoints, runs, is
moved, is removed, and another takes its place; one thread outlives all and gets
checkpoints only. Time is virtual, a millisecond an operation, so that hours of
retention pass in seconds. ``python -m tests.storage.soak OPERATIONS DIRECTORY`` prints
the file's size as it goes.
"""

import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from weft.storage import LmdbStore, NewValue, PutCheckpoint, new_id
from weft.storage import operations as op
from weft.storage.operations import encode_value
from weft.storage.retention import History, Retention, plan_log, plan_threads

STAGE: Final = 1_000
"""Live threads."""

GROUP: Final = 512
"""Operations of a commit group."""

LOOK_ENTRIES: Final = 1_000
"""What retention looks at meanwhile, besides the log."""

STEP_US: Final = 1_000
START_US: Final = 1_700_000_000_000_000

POLICY: Final = Retention(
    operations_s=None,
    operations_max=10_000,
    tombstones_s=5.0,
    associations_s=5.0,
    runs_s=5.0,
    history=History(keep=3),
)
"""Seconds of virtual time: 5,000 operations."""

SECONDS_MAX: Final = 3_000
"""Ten million take 11 minutes on a machine that does nothing else."""

VALUES: Final = encode_value({"messages": ["a line of talk"] * 20, "done": 7})


BLOB: Final = ("msgpack", bytes(VALUES))

ELDER: Final = "elder"
"""The thread that stays."""


class Sample(NamedTuple):
    """How large the store was."""

    operations: int
    file_bytes: int
    used_bytes: int
    entries: int


def checkpoint(thread_id: str, number: int, place: int) -> PutCheckpoint:
    """Return the write of a checkpoint with a channel that is new in it."""
    step = f"{number * STAGE + place:016}.1"
    return PutCheckpoint(
        thread_id=thread_id,
        session_id="elder",
        checkpoint_ns="",
        checkpoint_id=step,
        versions={"words": step},
        data=BLOB,
        metadata=BLOB,
        values=(NewValue("words", step, BLOB),),
    )


def work() -> Iterator[op.Operation]:
    """Yield operations for ever; half of the time of a thread's life is states."""
    for number in range(1 << 60):
        base = number * STAGE
        ids = [f"t{base + place}" for place in range(STAGE)]
        for place, thread_id in enumerate(ids):
            session_id = f"s{place % 100}"
            yield op.CreateThreads(
                session_id=session_id,
                threads=(op.NewThread(thread_id, thread_id),),
                create_session=True,
            )
        for turn in range(3):
            for thread_id in ids:
                yield op.AppendState(
                    thread_id=thread_id, state_id=f"{thread_id}-{turn}", values=VALUES
                )
        for place, thread_id in enumerate(ids):
            yield checkpoint(thread_id, number, place)
            yield checkpoint(ELDER, number, place)
        for place, thread_id in enumerate(ids):
            yield op.StartRun(thread_id=thread_id, run_id=f"r-{thread_id}")
            yield op.FinishRun(
                thread_id=thread_id,
                run_id=f"r-{thread_id}",
                state_id=f"{thread_id}-last",
                values=VALUES,
            )
            yield op.TransferThreads(
                thread_ids=(thread_id,),
                to_session_id=f"s{(place + 1) % 100}",
            )
        for thread_id in ids:
            yield op.RemoveThreads(threads=(thread_id,))


class Soak:
    """A store under work, with or without retention.

    Args:
        store: on disk.
        policy: what is kept; None to keep all.
    """

    def __init__(self, store: LmdbStore, policy: Retention | None) -> None:
        self.store = store
        self.done = 0
        self._policy = policy
        self._work = work()
        self._cursor = b""

    def run(self, operations: int) -> Sample:
        """Apply some operations more, and return how large the store is then."""
        end = self.done + operations
        while self.done < end:
            count = min(GROUP, end - self.done)
            # As in a runtime: what retention asks for shares the group of others.
            group = [*self._past(), *islice(self._work, count)]
            outcomes = self.store.apply(
                [
                    replace(operation, op_id=new_id(), at_us=self._at_us(place))
                    for place, operation in enumerate(group)
                ]
            )
            failed = [outcome.error for outcome in outcomes if outcome.error]
            assert not failed, failed[0]
            self.done += count
        return self.sample()

    def sample(self) -> Sample:
        """Return how large the store is."""
        engine = self.store.statistics().engine
        return Sample(
            self.done,
            engine.file_bytes,
            engine.used_bytes,
            sum(engine.entries.values()),
        )

    def _at_us(self, number: int) -> int:
        return START_US + (self.done + number) * STEP_US

    def _past(self) -> Iterator[op.Expire]:
        """Take the step that a runtime's keeper takes meanwhile."""
        if self._policy is None:
            return
        now_us = self._at_us(0)
        with self.store.read() as snapshot:
            log = plan_log(snapshot, self._policy, now_us, 2 * GROUP - 100)
            threads = plan_threads(
                snapshot, self._policy, now_us, self._cursor, LOOK_ENTRIES
            )
        self._cursor = threads.cursor or b""
        for plan in (log, threads):
            if plan.operation is not None:
                yield plan.operation


def main(operations: str, directory: str, kept: str = "retention") -> None:
    """Soak, and print the size twenty times, or as far as 50 minutes go."""
    total, began_s = int(operations), time.monotonic()
    store = LmdbStore(Path(directory))
    soak = Soak(store, POLICY if kept == "retention" else None)
    sys.stdout.write("operations  file_MB  used_MB  entries  seconds\n")
    while soak.done < total and time.monotonic() - began_s < SECONDS_MAX:
        sample = soak.run(total // 20)
        sys.stdout.write(
            f"{sample.operations:10,}  {sample.file_bytes / 1e6:7.1f}  "
            f"{sample.used_bytes / 1e6:7.1f}  {sample.entries:7,}  "
            f"{time.monotonic() - began_s:7.0f}\n"
        )
        sys.stdout.flush()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
