"""From what a client sent to typed values, and the exact place of what is wrong.

Guarantees:
    * a body is read up to a limit of size and time, announced or not;
    * what does not fit its type is refused with its path, never guessed;
    * decoders are made at import, on one OS thread (msgspec 0.22 crashes when a type is
      decoded for the first time on two at once).
"""

import asyncio
from collections.abc import Callable, Generator, Iterable
from http import HTTPStatus
from typing import Annotated, Any, Final, get_origin

import msgspec
from starlette.types import Message, Receive, Scope

from weft.daemon.http.headers import headers_of
from weft.daemon.http.problems import Fault, RequestFault
from weft.storage.ids import ID_SIZE_BYTES_MAX, NAME_SIZE_BYTES_MAX

__all__ = ["Id", "Name", "body_decoder", "query_decoder", "read_body"]

_PRINTED: Final = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"

Id = Annotated[
    str, msgspec.Meta(min_length=1, max_length=ID_SIZE_BYTES_MAX, pattern=_PRINTED)
]
"""An id as callers choose them; that it fits in UTF-8 is checked by the runtime."""

Name = Annotated[
    str, msgspec.Meta(min_length=1, max_length=NAME_SIZE_BYTES_MAX, pattern=_PRINTED)
]
"""The name of a thread or a workflow."""

JSON: Final = "application/json"

BODY_TIMEOUT_S: Final = 30.0
"""For the largest body at 35 KB/s; a client that sends byte by byte holds a place."""

_AT: Final = " - at `"


async def read_body(scope: Scope, receive: Receive, size_bytes_max: int) -> bytes:
    """Return a request's body.

    Raises:
        RequestFault: it is larger than allowed, does not come in time, or the client
            went away.
    """
    coming = _Coming(receive)
    message = coming.begin()
    if message is not None and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > size_bytes_max:
            raise too_large(size_bytes_max)
    else:
        body = await _receive_in_time(coming, message, receive, size_bytes_max)
    _check_media_type(scope, len(body))
    return body


class _Coming:
    """What is received next, asked for at once: most bodies are here already.

    Waiting for a body takes a deadline, which took a tenth of a small request.
    """

    def __init__(self, receive: Receive) -> None:
        self._steps: Any = receive().__await__()
        self._waited_for: Any = None

    def begin(self) -> Message | None:
        """Return the message if it is here; else it is to be awaited."""
        try:
            self._waited_for = self._steps.send(None)
        except StopIteration as stop:
            message: Message = stop.value
            return message
        return None

    def __await__(self) -> Generator[Any, None, Message]:
        try:
            yield self._waited_for
            message: Message = yield from self._steps
        finally:
            self._steps.close()
        return message


async def _receive_in_time(
    coming: _Coming, first: Message | None, receive: Receive, size_bytes_max: int
) -> bytes:
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            first = await coming if first is None else first
            return await _receive_all(first, receive, size_bytes_max)
    except TimeoutError as error:
        detail = f"The body has not come within {BODY_TIMEOUT_S:g} s. Send it again."
        raise RequestFault(HTTPStatus.REQUEST_TIMEOUT, detail) from error


async def _receive_all(
    message: Message, receive: Receive, size_bytes_max: int
) -> bytes:
    parts: list[bytes] = []
    size_bytes = 0
    while True:
        if message["type"] == "http.disconnect":
            raise RequestFault(HTTPStatus.BAD_REQUEST, "The request is not complete.")
        part = message.get("body", b"")
        size_bytes += len(part)
        if size_bytes > size_bytes_max:
            raise too_large(size_bytes_max)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def too_large(size_bytes_max: int) -> RequestFault:
    """Return the refusal of a body over the limit."""
    detail = f"The body has more than {size_bytes_max} bytes. Send less at a time."
    return RequestFault(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


def _check_media_type(scope: Scope, size_bytes: int) -> None:
    given = headers_of(scope).get("content-type", "")
    if given == JSON:
        return
    if size_bytes and given.partition(";")[0].strip().lower() != JSON:
        # A page of another origin can send text/plain without asking first.
        detail = f"The body is {given or 'of no type'}. Send application/json."
        raise RequestFault(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)


def body_decoder(kind: Any) -> Callable[[bytes], Any]:
    """Return the function that decodes a body.

    Args:
        kind: what it is to be; None in it makes an empty body one, too.
    """
    decode = msgspec.json.Decoder(kind).decode

    def read(data: bytes) -> Any:
        try:
            return decode(data or b"{}")
        except msgspec.ValidationError as error:
            message, path = _split(str(error))
            detail = f"The body is wrong at {path}: {message}."
            faults = [Fault("body", path, message)]
            raise RequestFault(422, detail, faults) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = f"it is no JSON: {error}"
            raise _unreadable(message) from error
        except RecursionError as error:
            raise _unreadable("it is nested too deeply") from error

    return read


def _unreadable(message: str) -> RequestFault:
    faults = [Fault("body", "$", message)]
    detail = f"The body cannot be read: {message}."
    return RequestFault(HTTPStatus.BAD_REQUEST, detail, faults)


def _split(words: str) -> tuple[str, str]:
    """Return message and path of what msgspec says."""
    message, at, path = words.rpartition(_AT)
    return (message, path.rstrip("`")) if at else (words, "$")


def query_decoder(kind: Any) -> Callable[[Iterable[tuple[str, str]]], Any]:
    """Return the function that decodes query parameters.

    Args:
        kind: a Struct; a field that is a list may be given several times.
    """
    lists = {
        field.encode_name
        for field in msgspec.structs.fields(kind)
        if get_origin(field.type) in {list, tuple}
    }
    msgspec.json.Decoder(kind)  # see the module

    def read(pairs: Iterable[tuple[str, str]]) -> Any:
        given: dict[str, Any] = {}
        for name, value in pairs:
            if name in lists:
                given.setdefault(name, []).append(value)
            elif name in given:
                raise _wrong_parameter(name, "it is given twice")
            else:
                given[name] = value
        try:
            return msgspec.convert(given, kind, strict=False)
        except msgspec.ValidationError as error:
            message, path = _split(str(error))
            raise _wrong_parameter(path.removeprefix("$."), message) from error

    return read


def _wrong_parameter(name: str, message: str) -> RequestFault:
    faults = [Fault("query", name, message)]
    detail = f"The query is wrong at {name}: {message}."
    return RequestFault(HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults)
