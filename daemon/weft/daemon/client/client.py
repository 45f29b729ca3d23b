"""A daemon held like a runtime: handles, the coordinator, the change feed."""

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from weft.actors import SessionHandle, ThreadHandle
from weft.actors.door import check_limit
from weft.actors.sources import REAL, Sources
from weft.daemon.client.connection import Connection
from weft.daemon.client.coordinator import RemoteCoordinator
from weft.daemon.client.events import RemoteEvents
from weft.storage.ids import check_id

if TYPE_CHECKING:
    from weft.actors import Runtime

__all__ = ["Client", "connect"]


class Client:
    """A daemon, with the face of a :class:`weft.actors.Runtime`.

    Use it as a context manager, plain or asynchronous, or close it.

    Args:
        connection: to the daemon.

    Attributes:
        coordinator: every operation by name.
        sources: time and ids, of this process.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.coordinator = RemoteCoordinator(connection)
        self.sources: Sources = REAL

    def __repr__(self) -> str:
        return f"<client of {self._connection.place}>"

    def session(self, session_id: str) -> SessionHandle:
        """Return a handle to a session; the session is created when first used.

        Raises:
            InvalidArgument: the id is not acceptable.
        """
        return SessionHandle(self._as_runtime(), check_id(session_id, "session id"))

    def thread(self, thread_id: str) -> ThreadHandle:
        """Return a handle to a thread by its id.

        Raises:
            InvalidArgument: the id is not acceptable.
        """
        return ThreadHandle(self._as_runtime(), check_id(thread_id, "thread id"))

    def events(
        self, after_seq: int | str | None = 0, *, timeout_s: float | None = None
    ) -> RemoteEvents:
        """Return what changes, in the one order.

        Args:
            after_seq: begin behind this operation, or this ``cursor``; 0: the whole
                log, None: from now on.
            timeout_s: how long to wait for a change, in seconds; None for ever.
        """
        if isinstance(after_seq, int):
            check_limit(after_seq, "after_seq")
        return RemoteEvents(self._connection, after_seq, timeout_s)

    @property
    def closed(self) -> bool:
        """Whether nothing is asked any more."""
        return self._connection.closed

    def close(self) -> None:
        """Hang up; answers that have not come fail with StoreClosed."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        self.close()

    def _as_runtime(self) -> "Runtime":
        """Return this as what handles take: of a runtime they use what it has, too."""
        return cast("Runtime", self)


def connect(
    url_or_socket: str | Path = "http://127.0.0.1:8123",
    token: str | None = None,
    *,
    verify: Any = None,
) -> Client:
    """Return a client of a daemon; it connects when it is first asked.

    Args:
        url_or_socket: ``http://HOST:PORT``, ``https://...``, or the path of the
            daemon's Unix socket.
        token: to be shown; None where none is needed.
        verify: an :class:`ssl.SSLContext` for a certificate that the system does not
            know.

    Raises:
        InvalidArgument: it is no place where a daemon could be.
    """
    return Client(Connection(url_or_socket, token, verify=verify))
