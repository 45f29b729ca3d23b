"""The rival of a hot session: an actor that awaits each commit before its next turn.

What an ``async def`` handler over a store is anywhere: correct, easy to read, and one
operation in flight per session. Same store, writer and rules as Weft's own sessions.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from bench.engine import Engine, Reply
from bench.spec import Kind
from bench.weft_runtime import tell
from bench.weft_store import count_store, create_store, groups_of, operation_of
from bench.work import Counts, Create, Transfer, Work, World
from weft.actors import Future
from weft.actors.dispatcher import Dispatcher
from weft.actors.light_actor import LightActor
from weft.storage import LmdbStore, Outcome, Submission, Writer

__all__ = ["Suspended"]


class _Session(LightActor):
    """Takes no other mail while its operation is on the way to the disk."""

    def __init__(self, dispatcher: Dispatcher, key: str, writer: Writer) -> None:
        super().__init__(dispatcher, key)
        self._writer = writer

    async def on_receive(self, message: Any) -> Any:
        committed: Future[Any] = Future()
        self._writer.submit(Submission(operation_of(message), committed))
        return await committed


class Suspended(Engine):
    """An actor for each session, a writer for all."""

    kinds: ClassVar[tuple[Kind, ...]] = ("messages",)

    def __init__(self, store: LmdbStore, world: World) -> None:
        self._store = store
        self._writer = Writer(store, _answer)
        self._writer.start()
        self._dispatcher = Dispatcher.shared()
        self._cells = {
            session_id: _Session(self._dispatcher, session_id, self._writer).actor_ref
            for session_id in world.session_ids
        }

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:
        return cls(create_store(directory, world), world)

    def submit(self, work: Work, reply: Reply) -> None:
        cell = self._cells[_session_of(work)]
        answer: Future[Any] = cell.ask(work, block=False)
        answer.add_done_callback(lambda future: tell(future, reply))

    def groups(self) -> tuple[int, int]:
        return groups_of(self._writer.statistics())

    def close(self) -> None:
        self._writer.close()
        self._dispatcher.release()
        self._store.close()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        return count_store(directory)


def _answer(pairs: Sequence[tuple[Submission, Outcome]]) -> None:
    for submission, outcome in pairs:
        if outcome.error is None:
            submission.sender.try_set(outcome.result)
        else:
            submission.sender.try_fail(outcome.error)


def _session_of(work: Work) -> str:
    match work:
        case Transfer(from_session_id=session_id) | Create(session_id=session_id):
            return session_id
    return work.session_id
