"""A seeded history of a store: every kind of operation, refused ones as well."""

from random import Random

from tests.storage.client import Client
from weft.storage import (
    DeleteCheckpoints,
    NewValue,
    NewWrite,
    PutCheckpoint,
    PutItem,
    PutWrites,
)
from weft.storage import operations as op

__all__ = ["SESSIONS", "Workload"]

SESSIONS = 16
BLOB = ("msgpack", b"\xc0")


class Workload:
    """A seeded mix of every kind of operation, refused ones as well."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client = client
        self.random = Random(seed)
        self.numbers = iter(range(1, 1 << 20))
        self.threads: list[str] = []
        self.runs: dict[str, str] = {}

    def run(self, count: int) -> None:
        for number in range(SESSIONS):
            self.client.do(op.CreateSession(session_id=f"s{number}"))
        steps = [
            *[self.create] * 6,
            *[self.append] * 4,
            *[self.transfer] * 3,
            *[self.start] * 3,
            *[self.finish] * 2,
            *[self.checkpoint] * 4,
            *[self.queue] * 4,
            self.rename,
            self.remove,
            self.track,
            self.refused,
            self.item,
        ]
        for _ in range(count):
            self.random.choice(steps)()

    def session(self) -> str:
        return f"s{self.random.randrange(SESSIONS)}"

    def some(self) -> str:
        return self.random.choice(self.threads) if self.threads else "t0"

    def create(self) -> None:
        number = next(self.numbers)
        new = op.NewThread(f"t{number}", f"n{number % 40}")
        session_id = self.session()
        made = self.client.outcome(
            op.CreateThreads(session_id=session_id, threads=(new,))
        )
        if made.error is None:
            self.threads.append(new.thread_id)

    def item(self) -> None:
        key, ttl_us = f"k{next(self.numbers) % 50}", self.random.choice([None, 9])
        self.client.outcome(
            PutItem(namespace=("u", self.session()), key=key, ttl_us=ttl_us)
        )

    def append(self) -> None:
        state_id, values = f"x{next(self.numbers)}", op.encode_value({"n": 1})
        self.client.outcome(
            op.AppendState(thread_id=self.some(), state_id=state_id, values=values)
        )

    def transfer(self) -> None:
        to = self.session()
        self.client.outcome(
            op.TransferThreads(
                thread_ids=(self.some(),), to_session_id=to, even_busy=True
            )
        )

    def start(self) -> None:
        run_id, thread_id = f"r{next(self.numbers)}", self.some()
        begun = self.client.outcome(op.StartRun(thread_id=thread_id, run_id=run_id))
        if begun.error is None:
            self.runs[run_id] = thread_id

    def queue(self) -> None:
        """Have a run wait for the one in progress, if there is one."""
        run_id = f"r{next(self.numbers)}"
        self.client.outcome(
            op.StartRun(thread_id=self.some(), run_id=run_id, if_busy="enqueue")
        )

    def finish(self) -> None:
        if self.runs:
            run_id = self.random.choice(list(self.runs))
            thread_id = self.runs.pop(run_id)
            self.client.outcome(op.FinishRun(thread_id=thread_id, run_id=run_id))

    def checkpoint(self) -> None:
        """Have a graph's run write two checkpoints: of the second one half is new."""
        number, thread_id = next(self.numbers), self.some()
        parent_id, run_id = None, f"g{number}"
        for step in range(2):
            checkpoint_id, new = f"c{number}-{step}", f"{number + step}.1"
            versions: dict[str, str | int | float] = {
                "words": f"{number}.0",
                "sum": new,
            }
            self.client.outcome(
                PutCheckpoint(
                    thread_id=thread_id,
                    checkpoint_ns="",
                    checkpoint_id=checkpoint_id,
                    parent_id=parent_id,
                    versions=versions,
                    data=BLOB,
                    metadata=BLOB,
                    deltas=("sum",),
                    run_id=run_id,
                    values=tuple(
                        NewValue(channel, version, BLOB)
                        for channel, version in versions.items()
                        if step == 0
                    ),
                )
            )
            write = NewWrite(0, "sum", BLOB)
            self.client.outcome(
                PutWrites(
                    thread_id=thread_id,
                    checkpoint_ns="",
                    checkpoint_id=checkpoint_id,
                    task_id="task",
                    writes=(write,),
                )
            )
            parent_id = checkpoint_id
        if number % 5 == 0:
            self.client.outcome(
                DeleteCheckpoints(thread_id=thread_id, keep_latest=True)
            )
        if number % 7 == 0:
            self.client.outcome(
                DeleteCheckpoints(thread_id=thread_id, run_ids=(run_id,))
            )

    def rename(self) -> None:
        name = f"m{next(self.numbers)}"
        self.client.outcome(op.RenameThread(thread_id=self.some(), new_name=name))

    def remove(self) -> None:
        thread_id = self.some()
        self.client.outcome(op.RemoveThreads(threads=(thread_id,), even_busy=True))
        self.threads = [t for t in self.threads if t != thread_id]

    def track(self) -> None:
        self.client.do(
            op.TrackInteraction(
                session_id=self.session(),
                interaction_id=f"i{next(self.numbers)}",
                interaction_type="click",
                timestamp_us=1,
            )
        )

    def refused(self) -> None:
        self.client.outcome(op.CreateSession(session_id=self.session()))
