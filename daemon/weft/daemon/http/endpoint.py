"""Endpoints: methods and paths as a table, typed by the functions that answer them.

::

    sessions = Table("sessions")

    @sessions.post("/sessions", scope="write", status=201)
    async def create_session(call: Call[NewSession, None]) -> SessionView:
        ...

The annotations are the whole contract: the body and the query are decoded into what
``Call`` names, the answer is encoded from what is returned, and the OpenAPI description
is made of the same types.

Guarantees:
    * an endpoint runs with its scope granted and its input decoded, or not at all;
    * whatever it raises is answered as a problem (:mod:`weft.daemon.http.problems`);
    * a path that is known under another method answers 405 and says under which.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from weft.daemon.http.call import Call, Reply
from weft.daemon.http.decoding import body_decoder, query_decoder, read_body
from weft.daemon.http.principals import Principal, Scope
from weft.daemon.http.problems import RequestFault
from weft.daemon.http.site import Site
from weft.daemon.http.streams import is_stream

__all__ = ["Endpoint", "Table", "routes_of"]

JSON: Final = "application/json"
_JSON_HEADER: Final = (b"content-type", JSON.encode())

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])

_encode: Final = msgspec.json.Encoder().encode


class Endpoint:
    """One method of one path.

    Args:
        method: of HTTP.
        path: with ``{parts}``.
        answer: the function that answers; its annotations are read.
        tag: under which it is described.
        scope: what a principal needs; None for nothing, not even a token.
        status: of an answer with a value.

    Attributes:
        body: the type of its body, None for none.
        query: the type of its parameters, None for none.
        answers: the types of its answers, None for one without content.
        streams: whether events are among its answers.
        changes: whether it takes an idempotency key and a deadline.
    """

    def __init__(
        self,
        method: str,
        path: str,
        answer: Callable[..., Awaitable[Any]],
        tag: str,
        scope: Scope | None,
        status: int,
    ) -> None:
        self.method = method
        self.path = path
        self.answer = answer
        self.tag = tag
        self.scope: Scope | None = scope
        self.status = status
        self.changes = scope in {"write", "admin"}
        hints = get_type_hints(answer, include_extras=True)
        answers = list(_options(hints.pop("return")))
        (call,) = hints.values()
        self.body, self.query = (_given(kind) for kind in get_args(call))
        self.streams = any(map(is_stream, answers))
        self.answers = [kind for kind in answers if not _is_response(kind)]
        self._read_body = body_decoder(self.body) if self.body else None
        self._read_query = query_decoder(self.query) if self.query else None

    @property
    def name(self) -> str:
        """The name of the function that answers."""
        return self.answer.__name__

    @property
    def docstring(self) -> str:
        """What it says of itself: a line, and more."""
        return inspect.getdoc(self.answer) or ""

    async def respond(
        self, site: Site, scope: AsgiScope, receive: Receive, send: Send
    ) -> None:
        """Answer a request.

        Raises:
            RequestFault: the principal may not, or the input is wrong.
        """
        if self.scope is not None:
            _check_scope(scope["weft.principal"], self.scope)
        body = query = None
        if self._read_query is not None:
            query = self._read_query(_pairs(scope))
        if self._read_body is not None:
            data = await read_body(scope, receive, site.settings.body_size_bytes_max)
            body = self._read_body(data)
        call = Call(site, scope, body, query)
        if self.changes:
            call.check_change()
        value = await self.answer(call)
        if isinstance(value, msgspec.Struct):  # nearly all answers are views
            await _send_json(send, self.status, _encode(value))
            return
        response = value if isinstance(value, Response) else self._respond(value)
        await response(scope, receive, send)

    def _respond(self, value: Any) -> Response:
        status, headers = self.status, None
        if isinstance(value, Reply):
            status, headers = value.status or status, value.headers
            value = value.value
        if value is None:
            return Response(b"", HTTPStatus.NO_CONTENT, headers)
        return Response(_encode(value), status, headers, JSON)


async def _send_json(send: Send, status: int, body: bytes) -> None:
    """Send a value as Starlette's Response would, which takes 3 us longer."""
    headers = [(b"content-length", b"%d" % len(body)), _JSON_HEADER]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Table:
    """Endpoints that belong together.

    Args:
        tag: under which they are described.
        described: whether the description of the daemon has them.
    """

    def __init__(self, tag: str, *, described: bool = True) -> None:
        self.tag = tag
        self.described = described
        self._endpoints: list[Endpoint] = []

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._endpoints)

    def get(
        self, path: str, scope: Scope | None = "read"
    ) -> Callable[[Handler], Handler]:
        """Have a function answer GET; HEAD gets its answer without the body."""
        return self.add("GET", path, scope)

    def post(
        self, path: str, scope: Scope = "write", status: int = HTTPStatus.OK
    ) -> Callable[[Handler], Handler]:
        """Have a function answer POST."""
        return self.add("POST", path, scope, status)

    def patch(self, path: str, scope: Scope = "write") -> Callable[[Handler], Handler]:
        """Have a function answer PATCH."""
        return self.add("PATCH", path, scope)

    def put(self, path: str, scope: Scope = "write") -> Callable[[Handler], Handler]:
        """Have a function answer PUT."""
        return self.add("PUT", path, scope)

    def delete(self, path: str, scope: Scope = "write") -> Callable[[Handler], Handler]:
        """Have a function answer DELETE."""
        return self.add("DELETE", path, scope)

    def add(
        self,
        method: str,
        path: str,
        scope: Scope | None,
        status: int = HTTPStatus.OK,
    ) -> Callable[[Handler], Handler]:
        """Have a function answer a method of a path."""

        def enter(answer: Handler) -> Handler:
            endpoint = Endpoint(method, path, answer, self.tag, scope, int(status))
            self._endpoints.append(endpoint)
            return answer

        return enter


def routes_of(site: Site, endpoints: Iterable[Endpoint]) -> list[Route]:
    """Return the routes of endpoints, one for each path."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    return [
        Route(path, _Path(site, methods), methods=list(methods))
        for path, methods in by_path.items()
    ]


class _Path:
    """The endpoints of one path, as an ASGI application."""

    def __init__(self, site: Site, methods: Mapping[str, Endpoint]) -> None:
        first = next(iter(methods.values()))
        self.path, self.tag = first.path, first.tag  # under which it is counted
        self._site = site
        self._methods = dict(methods)
        if "GET" in methods:
            self._methods["HEAD"] = methods["GET"]

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        await self._methods[scope["method"]].respond(self._site, scope, receive, send)


def _check_scope(principal: Principal, scope: Scope) -> None:
    if not principal.may(scope):
        unbound = " and without an owner" if scope == "admin" else ""
        detail = (
            f"This token may not {scope}. Use one with the scope {scope!r}{unbound}."
        )
        raise RequestFault(HTTPStatus.FORBIDDEN, detail)


def _pairs(scope: AsgiScope) -> list[tuple[str, str]]:
    try:
        text = scope["query_string"].decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError as error:
        detail = f"The query cannot be read: {error}. Percent-encode it as UTF-8."
        raise RequestFault(HTTPStatus.BAD_REQUEST, detail) from error


def _options(kind: Any) -> Iterator[Any]:
    """Yield the types of a union, without what only wraps them."""
    if get_origin(kind) in {Union, UnionType}:
        for option in get_args(kind):
            yield from _options(option)
    elif get_origin(kind) is Reply:
        yield from _options(get_args(kind)[0])
    else:
        yield None if kind is NoneType else kind


def _is_response(kind: Any) -> bool:
    kind = get_origin(kind) or kind
    return isinstance(kind, type) and issubclass(kind, Response)


def _given(kind: Any) -> Any:
    return None if kind is NoneType else kind
