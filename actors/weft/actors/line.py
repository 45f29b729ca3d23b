"""The line before a thread: the runs that wait for their turn, and when it comes.

Most of them are durable: the store knows them as pending. Those that a run of this
process asks for, and waits for, are not: they live as long as who asked.

Guarantees: who came first begins first, except that a delayed run comes in when it is
due; a run between two attempts keeps its thread, and nobody passes it.
"""

from collections.abc import Iterator

import msgspec

from weft.actors.messages import RunCommand
from weft.storage import Run

__all__ = ["Line", "Waiting"]


class Waiting(msgspec.Struct, eq=False):
    """One run that waits.

    Attributes:
        run: as the store has it; None for one that was not submitted yet.
        commands: who is to be answered.
    """

    run: Run | None
    commands: list[RunCommand]

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.commands[0].run_id if self.run is None else self.run.run_id

    @property
    def due_us(self) -> int:
        """When it may begin."""
        return 0 if self.run is None else self.run.not_before_us

    def fail(self, error: BaseException) -> None:
        """Answer everybody with an error."""
        for command in self.commands:
            command.fail(error)


class Line:
    """The runs that wait before one thread.

    Attributes:
        between: the run that holds the thread and is between two attempts: it failed
            and will be tried again, or is to be taken over.
    """

    __slots__ = ("_waiting", "between")

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self.between: Waiting | None = None

    def __bool__(self) -> bool:
        return bool(self._waiting) or self.between is not None

    def __iter__(self) -> Iterator[Waiting]:
        if self.between is not None:
            yield self.between
        yield from self._waiting

    def add(self, waiting: Waiting) -> None:
        """Let a run wait behind those that are here."""
        self._waiting.append(waiting)

    def put_back(self, waiting: Waiting) -> None:
        """Let a run wait that was taken out too early, before all others."""
        self._waiting.insert(0, waiting)

    def find(self, run_id: str) -> Waiting | None:
        """Return a run that waits."""
        return next((one for one in self if one.run_id == run_id), None)

    def drop(self, run_id: str) -> Waiting | None:
        """Take a run out that has not begun; its callers are the caller's business."""
        for one in self._waiting:
            if one.run_id == run_id:
                self._waiting.remove(one)
                return one
        return None

    def in_front(self, now_us: int) -> str | None:
        """Return the run before which a new one may not begin, None if there is none.

        Args:
            now_us: delayed runs are in nobody's way until they are due.
        """
        if self.between is not None:
            return self.between.run_id
        return next((one.run_id for one in self._waiting if one.due_us <= now_us), None)

    def take(self, now_us: int) -> Waiting | None:
        """Take out the run whose turn it is, None if none is due."""
        if self.between is not None:
            if self.between.due_us > now_us:
                return None
            taken, self.between = self.between, None
            return taken
        due = next((one for one in self._waiting if one.due_us <= now_us), None)
        if due is not None:
            self._waiting.remove(due)
        return due

    def next_us(self) -> int | None:
        """Return when the next run is due, None if none waits."""
        if self.between is not None:
            return self.between.due_us
        return min((one.due_us for one in self._waiting), default=None)

    def clear(self) -> list[Waiting]:
        """Forget all; return them."""
        gone = list(self)
        self._waiting.clear()
        self.between = None
        return gone

    def fail(self, error: BaseException) -> None:
        """Answer everybody who waits, with an error; the runs stay as they are."""
        for one in list(self):
            one.fail(error)
            one.commands.clear()
            if one.run is None:
                self._waiting.remove(one)
