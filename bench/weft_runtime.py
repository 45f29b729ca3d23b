"""The whole of Weft: coordinator, session actors, writer, store.

Callers use the coordinator and wait for its futures: ``get``, ``await``, or a callback
on the dispatcher's OS thread.
"""

from pathlib import Path
from typing import Any, Self

from bench.engine import ANSWER_TIMEOUT_S, Engine, Reply
from bench.weft_store import count_store, create_store, groups_of
from bench.work import CONFIG, Append, Counts, Create, Transfer, Work, World
from weft.actors import Future, Runtime

__all__ = ["WeftOneCore", "WeftRuntime", "tell"]


class WeftRuntime(Engine):
    """A runtime on a store."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._coordinator = runtime.coordinator

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:
        return cls(Runtime.open(store=create_store(directory, world)))

    def _begin(self, work: Work) -> Future[Any]:
        match work:
            case Create(session_id, name):
                return self._coordinator.create_thread_with_session(
                    session_id, CONFIG, name
                )
            case Transfer(thread_id, here, there):
                return self._coordinator.transfer_thread_between_sessions(
                    thread_id, here, there
                )
            case Append(thread_id, session_id, values):
                return self._coordinator.append_state(
                    thread_id, values, session_id=session_id
                )

    def submit(self, work: Work, reply: Reply) -> None:
        self._begin(work).add_done_callback(lambda future: tell(future, reply))

    def call(self, work: Work) -> None:
        self._begin(work).get(timeout=ANSWER_TIMEOUT_S)

    async def wait_for(self, work: Work) -> None:
        await self._begin(work)

    def groups(self) -> tuple[int, int]:
        return groups_of(self._runtime.statistics().writer)

    def close(self) -> None:
        self._runtime.close()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        return count_store(directory)


class WeftOneCore(WeftRuntime):
    """A runtime that keeps callers, dispatcher and writer on one core."""

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:
        return cls(Runtime.open(store=create_store(directory, world), one_core=True))


def tell(future: Future[Any], reply: Reply) -> None:
    """Reply with what became of a future that is done."""
    try:
        future.get()
    except Exception as error:  # noqa: BLE001 - handed on to the caller
        reply(error)
    else:
        reply(None)
