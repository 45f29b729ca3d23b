"""What all endpoints of one application share."""

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from weft.daemon.http.alerting import AlertBoard
from weft.daemon.http.counting import HttpCounter
from weft.daemon.http.history import History
from weft.daemon.http.run_leftovers import Temporary
from weft.daemon.http.run_tape import Tapes
from weft.daemon.http.run_watch import ThreadWatch
from weft.daemon.http.streams import HEARTBEAT_S, Streams
from weft.daemon.http.window import Window
from weft.metrics import Source, WebhookStatistics, register

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.daemon.webhook_outbox import Noted

__all__ = ["BODY_SIZE_BYTES_MAX", "HttpSettings", "Served", "Site", "Telling"]

BODY_SIZE_BYTES_MAX: Final = 1 << 20

LOOPBACK_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
"""The names of this machine for itself."""


class Served(Source, Protocol):
    """What is served; a runtime is one."""

    @property
    def closed(self) -> bool:
        """Whether it accepts nothing any more."""
        ...


class Telling(Protocol):
    """What tells others of the ends of runs: :class:`weft.daemon.webhooks.Webhooks`."""

    def check(self, url: str) -> None:
        """Refuse a URL that nobody is told at."""
        ...

    def wish(self, noted: "Noted") -> None:
        """Write down whom to tell of a run that is about to start."""
        ...

    def follow(self, wish: "Noted", run_id: str) -> None:
        """Tell of the end of a run that has started, whatever happens."""
        ...

    def doubt(self, wish: "Noted") -> None:
        """Find out whether a run has started, and tell of its end if so."""
        ...

    def forget(self, wish: "Noted") -> None:
        """Tell of nothing: the start was refused."""
        ...

    async def told(self, thread_id: str) -> None:
        """Wait until all is told of a thread's runs."""
        ...

    def statistics(self) -> WebhookStatistics:
        """Return the numbers so far."""
        ...


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How requests are answered.

    Attributes:
        trusted_hosts: names under which it may be asked; ``*.`` begins a pattern.
        cors_origins: origins of pages that may ask, besides its own.
        body_size_bytes_max: of a request.
        requests_max: in progress at once, streams included.
        requests_per_s: of one principal or address; 0 for no limit.
        requests_burst: how many of them may come at once.
        timeout_s: how long an operation may take unless the request says less.
        heartbeat_s: how long a stream may be silent.
    """

    trusted_hosts: tuple[str, ...] = LOOPBACK_HOSTS
    cors_origins: tuple[str, ...] = ()
    body_size_bytes_max: int = BODY_SIZE_BYTES_MAX
    requests_max: int = 4096
    requests_per_s: float = 0
    requests_burst: int = 100
    timeout_s: float = 30.0
    heartbeat_s: float = HEARTBEAT_S


class Site:
    """One application: what it serves, and how.

    Args:
        runtime: what is served; endpoints take it for a
            :class:`weft.actors.Runtime`.
        settings: how.
        webhooks: tells of the ends of runs; None if nobody is told.

    Attributes:
        streams: those that are open.
        counter: of requests.
        registry: what is counted.
        history: of what is counted, at intervals.
        alerts: those whose condition holds.
        window: what had been counted when the last minutes began.
        checking: whether the whole store is being checked.
        openapi: makes the description of all endpoints.
        crons_changed: has the loop of crons look again, if there is one.
        tapes: of the runs that are read.
        temporary: threads that exist for one run.
        watch: tells of changes of threads.
    """

    def __init__(
        self,
        runtime: Any,
        settings: HttpSettings,
        webhooks: "Telling | None" = None,
    ) -> None:
        self.runtime = runtime
        self.settings = settings
        self.webhooks = webhooks
        self.streams = Streams(settings.heartbeat_s)
        self.counter = HttpCounter(lambda: len(self.streams))
        if webhooks is not None:
            self.counter.webhooks = webhooks.statistics
        self.registry = register(runtime, http=self.counter)
        self.history = History(runtime.statistics, self.counter)
        self.alerts = AlertBoard(self.history)
        self.window = Window(runtime.statistics, self.history)
        self.checking = False
        self.crons_changed: Callable[[str], object] = lambda _cron_id: None
        self.tapes = Tapes(runtime)
        told = None if webhooks is None else webhooks.told
        self.temporary = Temporary(runtime, told=told)
        self.watch = ThreadWatch(runtime)
        self.openapi: Callable[[], bytes] = lambda: b"{}"
