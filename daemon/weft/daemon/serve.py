"""``weft serve``: a runtime on a data directory, and its HTTP face.

Guarantees:
    * What can be refused is refused before the data directory is touched. The default
      socket is no condition: where it cannot be had, that is said.
    * One line says where it answers, once it does.
    * SIGTERM and SIGINT end it with exit status 0, in phases: it takes no more
      connections, open streams are told goodbye, answers under way get 2 s; runs in
      progress get ``stop_timeout_s``; what was submitted is written, its answers are
      handed out; the store is closed.
    * The second signal, in any phase, ends the waiting. What was acknowledged is kept
      all the same, and runs that have not ended are taken over at the next start.
    * SIGHUP reads the tokens again, and the secrets of webhooks; streams of tokens that
      have gone are ended.
    * systemd, where it is the one who started it, is told of each of these; sockets
      that it has bound take the place of those of the configuration.
"""

import resource
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from weft.actors import Executors, Runtime
from weft.daemon.activation import passed_sockets
from weft.daemon.app import Application, create_app
from weft.daemon.checking import Checker, CheckSettings
from weft.daemon.cluster_opening import open_cluster
from weft.daemon.config import Config, ConfigError
from weft.daemon.http.history import Sampler
from weft.daemon.http.tokens import Tokens
from weft.daemon.listen import Address, ListenError, bind, bind_unix, url_of
from weft.daemon.logs import logging_to, say
from weft.daemon.meeting_place import bind_default, default_socket
from weft.daemon.metrics_setup import collected_by, load_reader
from weft.daemon.notify import Heartbeat, Notifier, gets_on
from weft.daemon.opening import open_runtime
from weft.daemon.places import Place, is_database, name_of
from weft.daemon.request_log import RequestLog
from weft.daemon.server import HttpServer
from weft.daemon.stop import Stop, reload_signal, stop_signals
from weft.daemon.tls import Tls, check_tls
from weft.daemon.tracing_setup import load_tracing
from weft.daemon.unusable import Unusable
from weft.daemon.webhook_signature import Signer
from weft.daemon.webhooks import Webhooks
from weft.daemon.workflows import Registry, load_workflows

__all__ = ["serve"]

FILES_BESIDES: Final = 256
"""What a daemon has open besides connections: the store, its workflows' files."""


def serve(config: Config) -> None:
    """Serve a data directory until a signal says to stop.

    Args:
        config: from :func:`weft.daemon.config.load`.

    Raises:
        AppError: there are no such workflows.
        ConfigError: no data directory is named.
        ListenError: the address cannot be listened on.
        OutboxError: what is to be told cannot be read.
        SecretError: the secrets of webhooks cannot be used.
        SessionThreadException: the data directory cannot be opened.
        TokenError: the tokens cannot be used.
    """
    http = config.http
    data = _place_of(config)
    workflows = load_workflows(config.daemon.app)
    tracing = load_tracing(config.daemon.tracing)
    reader = load_reader(config.daemon.metrics_reader)
    tokens = Tokens(http.token_path)
    signer = Signer(config.webhooks.secret_path)
    tls = _tls_of(config)
    _allow_files(http.connections_max)
    notifier = Notifier()
    with ExitStack() as stack:
        stack.enter_context(_logging(config))
        secured = tokens.required and tls is not None
        listener, local = _sockets(config, secured=secured, stack=stack)
        executor = tracing.executors() if tracing else None
        runtime = stack.enter_context(_open(config, workflows, executor))
        if tracing:
            tracing.follow(runtime)
        webhooks = _webhooks_of(config, runtime, signer)
        if webhooks is not None:
            stack.enter_context(webhooks)
        app = create_app(runtime, http.settings, tokens, webhooks)
        if tracing:
            app.site.counter.trace_id = tracing.trace_id
        logged = RequestLog(app)

        def begin() -> None:
            app.begin(config.daemon.cron_grace_s)
            notifier.ready(_say_ready(data, listener, local, tls))

        server = HttpServer(
            tracing.requests(logged) if tracing else logged,
            listener,
            begin,
            on_stopping=lambda: _begin_to_stop(app, notifier),
            local=local,
            tls=tls,
            connections_max=http.connections_max,
            message_size_bytes_max=http.body_size_bytes_max,
            on_rejected=app.site.counter.reject_connection,
        )
        reload = reload_signal(lambda: _reload(app, server, tokens, signer, notifier))
        stack.enter_context(reload)
        stack.enter_context(_heartbeat(notifier, runtime))
        stack.enter_context(stop_signals(Stop(lambda: _stop(server, runtime))))
        with (
            Checker(runtime, _checks_of(config)),
            Sampler(app.site.history),
            collected_by(reader, app.site.registry),
        ):
            server.serve_until_stopped()
        _say_stopping(runtime, config.daemon.stop_timeout_s)
        runtime.close(config.daemon.stop_timeout_s)


def _place_of(config: Config) -> Path | str:
    if config.daemon.cluster is not None:
        return f"the cluster at {config.daemon.cluster}"
    data = _data_of(config)
    return name_of(data) if is_database(data) else data


def _open(config: Config, workflows: Registry, executor: Executors | None) -> Runtime:
    if config.daemon.cluster is not None:
        return open_cluster(config.daemon.cluster, workflows)
    one_core = config.daemon.one_core
    return open_runtime(_data_of(config), workflows, executor, one_core=one_core)


def _checks_of(config: Config) -> CheckSettings:
    """Return when to check: a cluster's database not by every daemon before it."""
    checks = config.daemon.checks
    return replace(checks, interval_s=0.0) if config.daemon.cluster else checks


def _webhooks_of(config: Config, runtime: Runtime, signer: Signer) -> Webhooks | None:
    webhooks = config.webhooks
    if not webhooks.enabled:
        return None
    outbox = webhooks.outbox_path
    if outbox is None and config.daemon.cluster is None:
        data = _data_of(config)
        outbox = None if is_database(data) else Path(data) / "webhooks"
    return Webhooks(runtime, webhooks, outbox, signer)


def _data_of(config: Config) -> Place:
    data = config.daemon.data
    if data is None:
        raise ConfigError("No data directory is named", "Give --data DIR.")
    return data if is_database(data) else Path(data)


def _tls_of(config: Config) -> Tls | None:
    cert, key = config.http.tls_cert, config.http.tls_key
    return None if cert is None or key is None else check_tls(Path(cert), Path(key))


def _logging(config: Config) -> AbstractContextManager[None]:
    daemon = config.daemon
    return logging_to(log_format=daemon.log_format, log_level=daemon.log_level)


def _sockets(
    config: Config, *, secured: bool, stack: ExitStack
) -> tuple[socket.socket | None, list[socket.socket]]:
    """Return the sockets to serve: those of systemd, or else of the configuration."""
    passed = stack.enter_context(passed_sockets(secured=secured))
    if passed:
        return passed.listener, list(passed.local)
    http = config.http
    listener = None
    if http.listen:
        address = Address.parse(http.listen)
        listener = stack.enter_context(bind(address, secured=secured))
    if http.socket is None:
        return listener, _default_local(stack, needed=listener is None)
    local = [Path(http.socket)] if http.socket else []
    return listener, [stack.enter_context(bind_unix(path)) for path in local]


def _default_local(stack: ExitStack, *, needed: bool) -> list[socket.socket]:
    """Return the socket where commands look by themselves, if it can be had."""
    try:
        return [stack.enter_context(bind_default(default_socket()))]
    except ListenError as error:
        if needed:
            raise
        say(f"{error.reason}. Commands reach this daemon with --url.")
        return []


def _heartbeat(notifier: Notifier, runtime: Runtime) -> Heartbeat:
    limit_s = notifier.watchdog_s or 0.0
    return Heartbeat(notifier, lambda: gets_on(runtime, limit_s))


def _allow_files(connections_max: int) -> None:
    """Let the process have as many files open as it may have connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections_max + FILES_BESIDES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _reload(
    app: Application,
    server: HttpServer,
    tokens: Tokens,
    signer: Signer,
    notifier: Notifier,
) -> None:
    """Read the tokens and the secrets of webhooks again; in a signal handler."""
    notifier.reloading()
    told = [_again("tokens", tokens.reload), _again("webhook secrets", signer.reload)]
    server.call_soon(lambda: app.site.streams.revoke(tokens.knows))
    words = "reloaded; " + "; ".join(told)
    say(words)
    notifier.ready(words)


def _again(what: str, reload: Callable[[], int]) -> str:
    try:
        return f"{what}: {reload()}"
    except Unusable as error:
        return f"{error} The {what} are the same as before"


def _begin_to_stop(app: Application, notifier: Notifier) -> None:
    notifier.stopping()
    app.goodbye()


def _stop(server: HttpServer, runtime: Runtime) -> None:
    """Begin to stop, or hurry up if that has begun; in a signal handler."""
    if server.should_exit:
        runtime.hurry()
    server.stop()


def _say_ready(
    data: Path | str,
    listener: socket.socket | None,
    local: list[socket.socket],
    tls: Tls | None,
) -> str:
    places = [f"the socket {each.getsockname()}" for each in local]
    hints = "stop: Ctrl-C"
    if listener is not None:
        url = url_of(listener, "http" if tls is None else "https")
        places.insert(0, url)
        hints = f"metrics: {url}/metrics; {hints}"
    serving = f"serving {data} on {' and '.join(places)}"
    say(f"{serving} ({hints})")
    return serving


def _say_stopping(runtime: Runtime, timeout_s: float) -> None:
    running = runtime.statistics().actors["thread", "running"]
    if running:
        runs = "1 run gets" if running == 1 else f"{running} runs get"
        say(f"stopping; {runs} {timeout_s:g} s (stop now: Ctrl-C)")
