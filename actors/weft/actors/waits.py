"""Runs that wait for runs: who waits for whom, and the circle that must not close.

The code of a workflow may ask the runtime it runs in, and wait for the answer. If the
answer depends on a run, its own or one that waits for it in turn, the wait would never
end. So each wait of a run is entered here before it begins, and who would close a
circle is refused: at the wait, for who only asks and goes on harms nobody.

Guarantees:
    - A wait that closes a circle raises DeadlockError at once, with the runs in it;
      what was asked is withdrawn, and changes nothing.
    - Of two that close it at the same moment at least one is refused.
    - A run that waits for a run gives its place in the pool to another meanwhile
      (:mod:`weft.actors.pool`), or gets Overloaded if there are too many of them; so it
      does with its places in the limits (:mod:`weft.actors.limits`).

Seen are waits for what a run asked, on the OS thread that executes the run, and on an
event loop in its task and the tasks begun there. One who waits elsewhere has deadlines.
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Final, Protocol

import msgspec

from weft.actors.errors import DeadlockError
from weft.actors.future import Future
from weft.actors.limits import Seat
from weft.actors.loop_thread import on_loop_thread
from weft.actors.messages import Command, RunCommand
from weft.actors.pool import giving_way
from weft.actors.stream import Stream
from weft.storage import Store

__all__ = [
    "RunFuture",
    "RunStream",
    "bind",
    "executing",
    "forget",
    "new_future",
    "waiting",
]

WITHDRAWN_NS: Final = 1
"""A deadline long past: the writer does not apply what has one."""


class _Place(msgspec.Struct, frozen=True):
    """A thread, as a place where one run at a time is executed.

    Attributes:
        store_id: tells the threads of several runtimes in one process apart.
        thread_id: the thread.
    """

    store_id: int
    thread_id: str


class _Asker(msgspec.Struct, frozen=True):
    """A run whose step the present OS thread, or asyncio task, executes."""

    place: _Place
    name: str
    run_id: str
    seat: Seat

    def __str__(self) -> str:
        return f"{self.name} ({self.place.thread_id}, run {self.run_id})"


class _Wait(msgspec.Struct, frozen=True, eq=False):
    """A run that waits, and where the runs are that it waits for."""

    asker: _Asker
    places: tuple[_Place, ...]
    future: "RunFuture"


class Step(Protocol):
    """What is executed: the part of a run's context that is shown."""

    thread_id: str
    thread_name: str
    run_id: str


_asker: ContextVar[_Asker | None] = ContextVar("weft_run", default=None)

# By the place of who waits: more than one where the tasks of a run on an event loop
# wait for different things. Each run enters and takes out its own, so that a dict,
# whose single steps are atomic, is enough.
_waits: dict[_Place, tuple[_Wait, ...]] = {}


class _Outside(msgspec.Struct):
    """What a run has given up while it waits, and how many of its waits there are."""

    back: ExitStack
    waits: int = 0


_outside: dict[_Asker, _Outside] = {}


@contextmanager
def executing(store: Store, step: Step, seat: Seat) -> Generator[None]:
    """Mark the OS thread as one that executes a step of a run, in a with block.

    Args:
        store: of the runtime.
        step: what is executed.
        seat: what the run holds of the limits.
    """
    place = _Place(id(store), step.thread_id)
    token = _asker.set(_Asker(place, step.thread_name, step.run_id, seat))
    try:
        yield
    finally:
        _asker.reset(token)


def forget(store: Store, thread_id: str) -> None:
    """Forget what a run waits for that is given up, so that it closes no circle.

    Args:
        store: of the runtime.
        thread_id: the run's thread.
    """
    _waits.pop(_Place(id(store), thread_id), None)


def new_future() -> Future[Any]:
    """Return the future for what is going to be asked: in a run one that is checked."""
    return Future() if _asker.get() is None else RunFuture()


def bind(future: Future[Any], request: Command | RunCommand, store: Store) -> None:
    """Tell a future what it is the answer to.

    Args:
        future: from :func:`new_future`.
        request: what is asked.
        store: of whom.
    """
    if isinstance(future, RunFuture):
        future.request, future.store = request, store


def _places_of(store: Store, request: Command | RunCommand) -> tuple[_Place, ...]:
    """Return the threads whose runs an answer waits for."""
    names: tuple[str, ...] = ()
    thread_ids: tuple[str, ...] = ()
    session_id: str | None
    if isinstance(request, RunCommand):
        session_id = request.session_id
        if request.thread_id is not None:
            thread_ids = (request.thread_id,)
        elif request.thread_name is not None:
            names = (request.thread_name,)
    elif request.if_running in {"wait", "cancel"}:
        names, thread_ids = request.names, request.thread_ids
        session_id = getattr(request.operation, "session_id", None)
    else:
        return ()
    if names and session_id is not None:
        with store.read() as snapshot:
            known = dict(snapshot.names(session_id))
        thread_ids += tuple(known.get(name, name) for name in names)
    return tuple(_Place(id(store), thread_id) for thread_id in thread_ids)


class RunFuture(Future[Any]):
    """The answer to what a run asked; waiting for it is checked.

    Attributes:
        request: what was asked.
        store: of whom.
    """

    __slots__ = ("request", "store")

    request: Command | RunCommand
    store: Store

    def get(self, *, timeout: float | None = None) -> Any:
        """Wait for the result, unless a circle of waiting runs would close.

        Args:
            timeout: seconds in all; None waits for ever.

        Raises:
            DeadlockError: the answer depends on the run that waits.
            Overloaded: too many runs wait for runs.
            RuntimeError: called on the event loop of the executor, which may be what
                the answer needs.
            pykka.Timeout: the time is over.
            Exception: the one the future failed with.
        """
        if not self.done() and on_loop_thread():
            raise RuntimeError(
                "get() would stall every asynchronous workflow. Await the future."
            )
        with waiting(self):
            return super().get(timeout=timeout)

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait in asyncio, unless a circle of waiting runs would close."""
        with waiting(self):
            return (yield from super().__await__())

    __iter__ = __await__


class RunStream(Stream[Any]):
    """The states of a run that a run reads; waiting for one is checked.

    Attributes:
        future: of the run; None while it has not been asked for.
    """

    future: Future[Any] | None = None

    def __next__(self) -> Any:
        with waiting(self.future):
            return super().__next__()

    async def __anext__(self) -> Any:
        with waiting(self.future):
            return await super().__anext__()


@contextmanager
def waiting(future: Future[Any] | None) -> Generator[None]:
    """Enter a wait of the run that this OS thread executes, for a with block.

    If it would close a circle, the future fails with DeadlockError first.

    Args:
        future: what is waited for.

    Raises:
        Overloaded: too many runs wait for runs.
    """
    asker = _asker.get()
    if asker is None or not isinstance(future, RunFuture) or future.done():
        yield
        return
    places = _places_of(future.store, future.request)
    if not places:
        yield
        return
    wait = _Wait(asker, places, future)
    _enter(wait)  # first: of two that meet, one sees the other
    try:
        _refuse_circle(wait)
        with nullcontext() if future.done() else _outside_of(asker):
            yield  # to its error, if it was refused: who waits retrieves it there
    finally:
        _leave(wait)


def _enter(wait: _Wait) -> None:
    place = wait.asker.place
    _waits[place] = (*_waits.get(place, ()), wait)


def _leave(wait: _Wait) -> None:
    place = wait.asker.place
    if place not in _waits:
        return
    others = tuple(other for other in _waits[place] if other is not wait)
    if others:
        _waits[place] = others
    else:
        del _waits[place]


@contextmanager
def _outside_of(asker: _Asker) -> Generator[None]:
    """Give a run's places up, from its first wait to the end of its last."""
    outside = _outside.get(asker)
    if outside is None:
        outside = _Outside(ExitStack())
        outside.back.enter_context(giving_way())
        asker.seat.give_way()
        outside.back.callback(asker.seat.take_back)
        _outside[asker] = outside
    outside.waits += 1
    try:
        yield
    finally:
        outside.waits -= 1
        if not outside.waits:
            del _outside[asker]
            outside.back.close()


def _refuse_circle(wait: _Wait) -> None:
    """Withdraw what was asked if waiting for it would close a circle."""
    chain = _find_circle(wait)
    if not chain:
        return
    request = wait.future.request
    words = " -> ".join(chain)
    error = DeadlockError(
        f"{words}: the wait would close a circle of waiting runs.",
        thread_id=wait.asker.place.thread_id,
        op_id=wait.future.op_id,
        details={"chain": chain},
    )
    request.deadline_ns = WITHDRAWN_NS
    if isinstance(request, RunCommand):
        request.fail(error)
    else:
        request.future.try_fail(error)


def _find_circle(wait: _Wait) -> list[str]:
    """Return the runs from one that waits back to itself; nothing if there is none."""
    target, seen = wait.asker.place, set[_Place]()
    paths = [(place, [str(wait.asker)]) for place in wait.places]
    while paths:
        place, path = paths.pop()
        if place == target:
            return [*path, str(wait.asker)]
        if place in seen:
            continue
        seen.add(place)
        for further in _waits.get(place, ()):
            if not further.future.done():
                longer = [*path, str(further.asker)]
                paths += [(next_, longer) for next_ in further.places]
    return []
