"""The daemon as an ASGI application: the gate, the endpoints, their description.

Guarantees:
    * ``/livez`` answers while the process can answer anything; ``/readyz`` says 503
      and why as soon as operations would be refused.
    * Nothing long is done on the event loop: metrics are rendered, lists over the whole
      store and checks are made beside it.
    * Every failure is a problem as RFC 9457 has it.
"""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from weft.daemon.http.counting import Counted
from weft.daemon.http.endpoint import Endpoint, routes_of
from weft.daemon.http.failures import Answered
from weft.daemon.http.gate import Gate
from weft.daemon.http.openapi import describe
from weft.daemon.http.paths import Paths
from weft.daemon.http.site import BODY_SIZE_BYTES_MAX, HttpSettings, Served, Site
from weft.daemon.http.tables import TABLES
from weft.daemon.http.tokens import Tokens

__all__ = ["BODY_SIZE_BYTES_MAX", "Application", "Served", "create_app"]

CORS_AGE_S = 600
"""How long a browser may remember that it may ask."""


class Application(Starlette):
    """What answers requests.

    Args:
        site: what is served, and how.
        tokens: who may ask.
    """

    def __init__(self, site: Site, tokens: Tokens) -> None:
        endpoints = [endpoint for table in TABLES for endpoint in table]
        super().__init__(
            middleware=[
                Middleware(Counted, counter=site.counter),
                *_cors(site.settings),
                Middleware(Answered),
                Middleware(Gate, settings=site.settings, tokens=tokens),
            ],
        )
        self.router = Paths(routes_of(site, endpoints))
        self.site = site
        site.openapi = cache(
            lambda: msgspec.json.encode(describe(_described(), _version()))
        )

    def build_middleware_stack(self) -> ASGIApp:
        """Return the way of a request, without Starlette's own handling of failures."""
        app: ASGIApp = self.router.app
        for layer in reversed(self.user_middleware):
            app = layer.cls(app, *layer.args, **layer.kwargs)
        return app

    def goodbye(self) -> None:
        """Have open streams say goodbye and end; on the event loop."""
        self.site.streams.end()


def create_app(
    runtime: Served,
    settings: HttpSettings | None = None,
    tokens: Tokens | None = None,
) -> Application:
    """Return the ASGI application of one runtime.

    Args:
        runtime: an open one; closing it makes the application unready.
        settings: how requests are answered.
        tokens: who may ask; anybody if omitted.
    """
    site = Site(runtime, settings or HttpSettings())
    return Application(site, tokens or Tokens())


def _described() -> list[Endpoint]:
    return [endpoint for table in TABLES if table.described for endpoint in table]


def _cors(settings: HttpSettings) -> list[Middleware]:
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("*",),
            expose_headers=("Location", "Content-Location", "Retry-After"),
            max_age=CORS_AGE_S,
        )
    ]


def _version() -> str:
    try:
        return version("weft")
    except PackageNotFoundError:
        return "0"
