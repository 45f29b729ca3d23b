"""What all parts of a remote coordinator share: how a method becomes a request."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from weft.actors import Future
from weft.actors.door import check_timeout
from weft.daemon.client.connection import Connection, Request
from weft.storage import new_id
from weft.storage.ids import check_id
from weft.storage.operations import encode_mapping

__all__ = ["Asking", "id_or_none", "mapping_of"]

T = TypeVar("T")


class Asking:
    """Asks a daemon.

    Args:
        connection: to it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _ask(
        self,
        method: str,
        path: str,
        decode: Callable[[Any], T],
        body: Any = None,
        query: Mapping[str, Any] | None = None,
    ) -> Future[T]:
        """Return the answer to what changes nothing, or needs no idempotency key."""
        request = Request(method=method, path=path, body=body, query=query or {})
        return self._connection.ask(request, decode)

    def _change(
        self,
        method: str,
        path: str,
        decode: Callable[[Any], T],
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        *,
        op_id: str | None,
        timeout_s: float | None,
    ) -> Future[T]:
        """Return the answer to a change, under an op_id whether one was given or not.

        So the future carries it, and a request may be sent again.
        """
        request = Request(
            method=method,
            path=path,
            body=body,
            query=query or {},
            op_id=new_id() if op_id is None else check_id(op_id, "op id"),
            timeout_s=None if timeout_s is None else check_timeout(timeout_s),
        )
        return self._connection.ask(request, decode)


def mapping_of(value: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
    """Return free-form data as it is sent; None counts as empty.

    Raises:
        InvalidArgument: it is no mapping, or cannot be stored.
    """
    encode_mapping(value, what)
    return dict(value or {})


def id_or_none(value: str | None, what: str) -> str | None:
    """Return an id that may be left out.

    Raises:
        InvalidArgument: it is no id.
    """
    return None if value is None else check_id(value, what)
