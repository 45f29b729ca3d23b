"""Seeded commit groups over a world so small that operations meet.

All kinds of operation but resume, repair and expiry are in it, and some of each are
refused: names collide, threads are gone, runs are over. State values have sizes on both
sides of a disk sector (512 bytes) and of a page (4 KiB), and each is filled with a
letter of its own, so a torn one is a value that nobody wrote.
"""

from random import Random
from typing import Final

from msgspec.structs import replace

from tests.storage.client import START_US
from weft.storage import operations as op

__all__ = ["Workload"]

SESSIONS: Final = 6
THREADS: Final = 16
NAMES: Final = 9
VALUE_SIZES_BYTES: Final = (3, 30, 300, 3000, 9000)
GROUP_SIZES: Final = (1, 1, 2, 5, 12)


class Workload:
    """Draws operations from a seed; the same seed draws the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._number = 0
        self._runs: list[tuple[str, str]] = []

    def groups(self, count: int) -> list[list[op.Operation]]:
        """Return commit groups: first one that makes the sessions."""
        opening: list[op.Operation] = [
            op.CreateSession(session_id=f"s{number}") for number in range(SESSIONS)
        ]
        drawn = [[self._complete(one) for one in opening]]
        for _ in range(count - 1):
            size = self._random.choice(GROUP_SIZES)
            drawn.append([self._complete(self._draw()) for _ in range(size)])
        return drawn

    def _complete(self, operation: op.Operation) -> op.Operation:
        self._number += 1
        number = self._number
        return replace(operation, op_id=f"op-{number}", at_us=START_US + number)

    def _draw(self) -> op.Operation:
        kinds = (self._create, self._append, self._transfer, self._start, self._finish)
        rare = (self._remove, self._rename, self._batch, self._update, self._track)
        weights = (6, 5, 4, 2, 2, 2, 1, 2, 1, 1, 0.2)
        every = (*kinds, *rare, self._close)
        (draw,) = self._random.choices(every, weights)
        return draw()

    def _session(self) -> str:
        return f"s{self._random.randrange(SESSIONS)}"

    def _thread(self) -> str:
        return f"t{self._random.randrange(THREADS)}"

    def _name(self) -> str:
        return f"n{self._random.randrange(NAMES)}"

    def _value(self) -> object:
        letter = chr(ord("a") + self._number % 26)
        return {"filled": letter * self._random.choice(VALUE_SIZES_BYTES)}

    def _create(self) -> op.CreateThreads:
        count = self._random.choice((1, 1, 2))
        new = tuple(op.NewThread(self._thread(), self._name()) for _ in range(count))
        return op.CreateThreads(
            session_id=self._session(), threads=new, create_session=True
        )

    def _append(self) -> op.AppendState:
        return op.AppendState(
            thread_id=self._thread(),
            state_id=f"x{self._number}",
            values=op.encode_value(self._value()),
        )

    def _transfer(self) -> op.TransferThreads:
        return op.TransferThreads(
            thread_ids=(self._thread(),),
            to_session_id=self._session(),
            even_busy=self._random.random() < 0.7,
        )

    def _start(self) -> op.StartRun:
        self._runs.append((self._thread(), f"r{self._number}"))
        thread_id, run_id = self._runs[-1]
        return op.StartRun(thread_id=thread_id, run_id=run_id)

    def _finish(self) -> op.Operation:
        if not self._runs:
            return self._start()
        thread_id, run_id = self._runs.pop(self._random.randrange(len(self._runs)))
        return op.FinishRun(
            thread_id=thread_id,
            run_id=run_id,
            state_id=f"x{self._number}",
            values=op.encode_value(self._value()),
        )

    def _remove(self) -> op.RemoveThreads:
        return op.RemoveThreads(
            threads=(self._thread(),), even_busy=self._random.random() < 0.7
        )

    def _rename(self) -> op.RenameThread:
        return op.RenameThread(thread_id=self._thread(), new_name=self._name())

    def _update(self) -> op.UpdateSession:
        metadata = op.encode_mapping({"note": self._value()}, "metadata")
        return op.UpdateSession(session_id=self._session(), metadata=metadata)

    def _track(self) -> op.TrackInteraction:
        return op.TrackInteraction(
            session_id=self._session(),
            interaction_id=f"i{self._number}",
            interaction_type="say",
            content=op.encode_value(self._value()),
            timestamp_us=self._number,
        )

    def _close(self) -> op.CloseSession:
        return op.CloseSession(session_id=self._session(), move_to=self._session())

    def _batch(self) -> op.Batch:
        return op.Batch(parts=(self._create(), self._transfer(), self._append()))
