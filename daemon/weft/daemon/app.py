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

from weft.daemon.cron_loop import GRACE_S, CronLoop
from weft.daemon.http.counting import Counted
from weft.daemon.http.cron_firing import cron_loop
from weft.daemon.http.endpoint import Endpoint, routes_of
from weft.daemon.http.event_socket import sockets_of
from weft.daemon.http.failures import Answered
from weft.daemon.http.gate import Gate
from weft.daemon.http.openapi import describe
from weft.daemon.http.paths import Paths
from weft.daemon.http.site import BODY_SIZE_BYTES_MAX, HttpSettings, Served, Site
from weft.daemon.http.tables import TABLES
from weft.daemon.http.tokens import Tokens
from weft.daemon.webhooks import Webhooks

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
        self.router = Paths([*routes_of(site, endpoints), *sockets_of(site)])
        self.site = site
        self._crons: CronLoop | None = None
        site.openapi = cache(
            lambda: msgspec.json.encode(describe(_described(), _version()))
        )

    def build_middleware_stack(self) -> ASGIApp:
        """Return the way of a request, without Starlette's own handling of failures."""
        app: ASGIApp = self.router.app
        for layer in reversed(self.user_middleware):
            app = layer.cls(app, *layer.args, **layer.kwargs)
        return app

    def begin(self, cron_grace_s: float = GRACE_S) -> None:
        """Have the runs of crons started when they are due; on the event loop.

        Args:
            cron_grace_s: how late a run may be started.
        """
        self._crons = cron_loop(self.site, cron_grace_s)
        self.site.crons_changed = self._crons.changed
        self._crons.begin()

    def goodbye(self) -> None:
        """Start nothing more, and have open streams say goodbye; on the event loop."""
        if self._crons is not None:
            self._crons.end()
        self.site.streams.end()


def create_app(
    runtime: Served,
    settings: HttpSettings | None = None,
    tokens: Tokens | None = None,
    webhooks: Webhooks | None = None,
) -> Application:
    """Return the ASGI application of one runtime.

    Args:
        runtime: an open one; closing it makes the application unready.
        settings: how requests are answered.
        tokens: who may ask; anybody if omitted.
        webhooks: tells of the ends of runs, in its with block; nobody if omitted.
    """
    site = Site(runtime, settings or HttpSettings(), webhooks)
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
