"""The door: where a call becomes a command, and everything wrong with it is found.

Arguments are validated and data is encoded here, on the caller's OS thread, before a
message exists. What fails here is the failure of the future that the call returns.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from msgspec.structs import force_setattr

from weft.actors.future import Future
from weft.actors.logs import refused_at_the_door
from weft.actors.messages import Busy, Command, RunCommand, same
from weft.actors.retention import Forget
from weft.actors.sources import Sources
from weft.actors.waits import bind, new_future
from weft.storage import (
    InvalidArgument,
    Operation,
    Session,
    SessionNotFound,
    SessionThreadException,
    Snapshot,
    Store,
)
from weft.storage.check import CheckReport
from weft.storage.ids import check_id

__all__ = [
    "Door",
    "House",
    "at_the_door",
    "check_limit",
    "check_timeout",
    "find_session",
]

TIMEOUT_S_MAX: Final = 1e9
"""Beyond it the deadline would not fit the clock's 63 bits of nanoseconds."""

P = ParamSpec("P")
T = TypeVar("T")


class House(Protocol):
    """What stands behind the door: the runtime."""

    @property
    def store(self) -> Store:
        """For reading; changes are sent."""
        ...

    @property
    def sources(self) -> Sources:
        """Time and ids."""
        ...

    @property
    def closed(self) -> bool:
        """Whether nothing is accepted any more."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether the store could not be written lately."""
        ...

    @property
    def last_report(self) -> CheckReport | None:
        """What the last check of the whole store found."""

    def send(
        self,
        message: Command | RunCommand,
        *,
        session_id: str | None = None,
        thread_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Post a command to a session, or to whoever owns a thread."""
        ...

    def cancel(self, run_id: str, *, undo: bool = False) -> Future[bool]:
        """Ask a run to stop."""
        ...

    def retain(self, request: Forget) -> Future[dict[str, int]]:
        """Forget what a policy does not keep; the answer is how much, by kind."""
        ...

    def check(self, session_id: str | None = None) -> CheckReport:
        """Compare all stored copies of who owns what."""
        ...


def at_the_door(
    method: Callable[P, Future[T]],
) -> Callable[P, Future[T]]:
    """Make what a method raises at the door the failure of its future.

    So a caller has one place to look at, ``get`` or ``await``, whatever went wrong.
    """

    @wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Future[T]:
        try:
            return method(*args, **kwargs)
        except SessionThreadException as error:
            refused_at_the_door(method.__name__, error)
            return Future.failed(error)

    return guarded


def find_session(snapshot: Snapshot, session_id: str) -> Session:
    """Return a session.

    Raises:
        InvalidArgument: the id is not acceptable.
        SessionNotFound: there is none of this id.
    """
    check_id(session_id, "session id")
    session = snapshot.session(session_id)
    if session is None:
        raise SessionNotFound(
            f"Session {session_id!r} does not exist.", session_id=session_id
        )
    return session


def check_limit(value: object, what: str = "limit") -> int:
    """Return a number of entries, or a place among them.

    Raises:
        InvalidArgument: not an integer from 0 to 2**63 - 1, where keys end.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63:
        return value
    raise InvalidArgument(f"{what} is an integer, 0 or more, not {value!r}.")


def check_timeout(value: object, what: str = "timeout_s") -> float:
    """Return a timeout, or another span of time, in seconds.

    Args:
        value: what the caller gave.
        what: as what.

    Raises:
        InvalidArgument: not a number from 0 to 1e9, which is thirty years.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= value <= TIMEOUT_S_MAX:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    raise InvalidArgument(f"{what} is a number of seconds, 0 or more, not {value!r}.")


class Door:
    """What the coordinator's parts share.

    Args:
        house: the runtime.
    """

    def __init__(self, house: House) -> None:
        self._house = house

    def _read(self, function: Callable[[Snapshot], T]) -> Future[T]:
        try:
            with self._house.store.read() as snapshot:
                return Future.completed(function(snapshot))
        except SessionThreadException as error:
            return Future.failed(error)

    def _apply(
        self,
        operation: Operation,
        op_id: str | None,
        timeout_s: float | None,
        *,
        session_id: str | None = None,
        names: tuple[str, ...] = (),
        thread_ids: tuple[str, ...] = (),
        answer: Callable[[Any], Any] = same,
        if_running: Busy = "reject",
    ) -> Future[Any]:
        """Send an operation to a session, or to the owner of its first thread.

        The operation is new and nobody else has it yet: it gets id and time in place,
        for a copy would check and encode its fields once more.
        """
        sources = self._house.sources
        if op_id is None:
            op_id = sources.new_id()
        else:
            check_id(op_id, "op id")
        force_setattr(operation, "op_id", op_id)
        force_setattr(operation, "at_us", sources.clock_us())
        future = new_future()
        command = Command(operation, future, names, thread_ids, answer, if_running)
        bind(future, command, self._house.store)
        return self._house.send(
            command,
            session_id=session_id,
            thread_id=thread_ids[0] if thread_ids else None,
            timeout_s=timeout_s,
        )
