"""The gate: what every request passes before anything looks at what it wants.

In this order: is the path readable, is the daemon asked under a name of its own (DNS
rebinding), does a page of another origin ask, is the body too large, who asks, do they
ask too much, is there room. Whoever fails gets a problem, and nothing was done.

Guarantees:
    * on TCP, once tokens are configured, all but the open paths need one;
    * on the Unix socket none is needed, for the file's mode says who may; one that is
      given counts;
    * a secret is looked for in ``Authorization`` (Bearer) and ``X-Api-Key`` only.
"""

from http import HTTPStatus
from typing import Final
from urllib.parse import unquote, urlsplit

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from weft.daemon.http.call import SLASH
from weft.daemon.http.decoding import too_large
from weft.daemon.http.headers import Given, headers_of
from weft.daemon.http.limits import RateLimit
from weft.daemon.http.principals import ANYBODY, Principal
from weft.daemon.http.problems import RequestFault, problem
from weft.daemon.http.site import HttpSettings
from weft.daemon.http.tokens import Tokens

__all__ = ["OPEN_PATHS", "Gate"]

OPEN_PATHS: Final = frozenset({"/livez", "/readyz", "/ok"})
"""What probes ask: they have no token, and learn no more than that it is well."""

_PAGE: Final = "/page/"
"""Where the page's files are; what they show needs a token, they do not."""

RETRY_AFTER_S: Final = 1
"""For a daemon that is full: requests take milliseconds, streams end now and then."""


class Gate:
    """An ASGI application that lets requests through to another.

    Args:
        app: the other.
        settings: names, origins, limits.
        tokens: who may ask.
    """

    def __init__(self, app: ASGIApp, settings: HttpSettings, tokens: Tokens) -> None:
        self._app = app
        self._settings = settings
        self._tokens = tokens
        self._hosts = {host.lower() for host in settings.trusted_hosts}
        self._suffixes = tuple(
            host[1:] for host in self._hosts if host.startswith("*.")
        )
        self._origins = set(settings.cors_origins)
        self._rate = RateLimit(settings.requests_per_s, settings.requests_burst)
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] == "lifespan":  # nobody asks: the server begins or ends
            await self._app(scope, receive, send)
            return
        try:
            self._admit(scope)
        except RequestFault as error:
            await _refusal(error)(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1

    def _admit(self, scope: Scope) -> None:
        headers = headers_of(scope)
        scope["path"] = _path(scope)
        if not _is_unix(scope):
            self._check_host(headers)
        self._check_origin(headers)
        self._check_length(headers)
        principal = scope["weft.principal"] = self._principal(scope, headers)
        asker = principal.name if principal is not ANYBODY else _address(scope)
        self._spend(asker)
        if scope["type"] == "websocket":  # each of its messages is as a request
            scope["weft.spend"] = lambda: self._spend(asker)
        if self._under_way >= self._settings.requests_max:
            retry = {"Retry-After": str(RETRY_AFTER_S)}
            detail = f"There are {self._under_way} requests in progress. Come again."
            raise RequestFault(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=retry)

    def _spend(self, asker: str) -> None:
        wait_s = self._rate.take(asker)
        if wait_s:
            retry = {"Retry-After": str(int(wait_s) + 1)}
            detail = "These are too many requests. Come again after the Retry-After."
            raise RequestFault(HTTPStatus.TOO_MANY_REQUESTS, detail, headers=retry)

    def _check_host(self, headers: Given) -> None:
        hosts = headers.getlist("host")
        name = _host_name(hosts[0]) if len(hosts) == 1 else ""
        trusted = name in self._hosts or "*" in self._hosts
        if not (trusted or name.endswith(self._suffixes)):
            detail = (
                "This daemon is not known under that Host. "
                "Ask 127.0.0.1, or add the name to http.trusted_hosts."
            )
            raise RequestFault(HTTPStatus.BAD_REQUEST, detail)

    def _check_origin(self, headers: Given) -> None:
        """Refuse pages of other origins; what is no browser sends no Origin."""
        for origin in headers.getlist("origin"):
            place = _place(origin)
            own = bool(place) and place == headers.get("host", "").lower()
            if not own and origin not in self._origins:
                detail = (
                    "Pages of that Origin may not ask. "
                    "Add it to http.cors_origins if they are to."
                )
                raise RequestFault(HTTPStatus.FORBIDDEN, detail)

    def _check_length(self, headers: Given) -> None:
        given = headers.get("content-length", "0")
        if not given.isdecimal():
            raise RequestFault(HTTPStatus.BAD_REQUEST, "The Content-Length is none.")
        if int(given) > self._settings.body_size_bytes_max:
            raise too_large(self._settings.body_size_bytes_max)

    def _principal(self, scope: Scope, headers: Given) -> Principal:
        secrets = _secrets(headers)
        if not self._tokens.required:
            return ANYBODY
        if not secrets and (_is_unix(scope) or _is_open(scope["path"])):
            return ANYBODY
        found = self._tokens.find(secrets[0]) if len(secrets) == 1 else None
        if found is None:
            self._spend(_address(scope))  # guessing is asking, too
            words = "is wrong" if secrets else "is missing"
            detail = f"The token {words}. Send one as Authorization: Bearer TOKEN."
            challenge = {"WWW-Authenticate": "Bearer"}
            raise RequestFault(HTTPStatus.UNAUTHORIZED, detail, headers=challenge)
        return found


def _secrets(headers: Given) -> list[str]:
    """Return what was sent as a token: a bearer's, or the key of a LangGraph client."""
    given = headers.getlist("authorization")
    if not given:
        return headers.getlist("x-api-key")
    parts = [text.partition(" ") for text in given]
    # Another scheme is no token, and must not pass for none.
    return [
        secret.strip() if kind.lower() == "bearer" else "" for kind, _, secret in parts
    ]


def _refusal(error: RequestFault) -> Response:
    return problem(error.status, error.detail, error.headers, faults=error.faults)


def _is_open(path: str) -> bool:
    """Whether a path needs no token: a probe's, or the page's."""
    return path in OPEN_PATHS or path == "/" or path.startswith(_PAGE)


def _is_unix(scope: Scope) -> bool:
    """Whether a request came through the Unix socket."""
    server = scope.get("server")
    return server is not None and server[1] is None


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "unix"


def _place(origin: str) -> str:
    """Return host and port of an origin; nothing of what is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _host_name(host: str) -> str:
    """Return a Host header without its port, in lower case."""
    host = host.lower()
    name, bracket, port = host.partition("]")
    if bracket:
        return name + bracket if not port or port[0] == ":" else ""
    return host.partition(":")[0]


def _path(scope: Scope) -> str:
    """Return the path, decoded, with a mark for every slash that was encoded.

    Raises:
        RequestFault: it is no UTF-8, or has a NUL.
    """
    raw = scope.get("raw_path") or scope["path"].encode()
    if b"%" not in raw:
        return str(scope["path"])
    try:
        path = unquote(raw.decode("ascii"), errors="strict")
        if SLASH in path:
            raise RequestFault(HTTPStatus.BAD_REQUEST, "The path has a NUL in it.")
        return unquote(
            raw.decode("ascii").replace("%2F", "%00").replace("%2f", "%00"),
            errors="strict",
        )
    except UnicodeDecodeError as error:
        detail = "The path cannot be read. Percent-encode it as UTF-8."
        raise RequestFault(HTTPStatus.BAD_REQUEST, detail) from error
