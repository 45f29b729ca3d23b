"""``weft serve``: a runtime on a data directory, and its HTTP face.

Guarantees:
    * What can be refused is refused before the data directory is touched.
    * One line says where it answers, once it does.
    * SIGTERM and SIGINT end it with exit status 0, in phases: it takes no more
      connections, answers under way get 2 s; runs in progress get ``stop_timeout_s``;
      what was submitted is written, its answers are handed out; the store is closed.
    * The second signal, in any phase, ends the waiting. What was acknowledged is kept
      all the same, and runs that have not ended are taken over at the next start.
"""

import sys
from pathlib import Path
from typing import Final

from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.daemon.listen import Address, bind, url_of
from weft.daemon.opening import open_runtime
from weft.daemon.server import HttpServer
from weft.daemon.stop import Stop, stop_signals
from weft.daemon.workflows import load_workflows

__all__ = ["serve"]

STOP_TIMEOUT_S: Final = 5.0
"""With the 2 s for answers it is less than the 10 s after which Docker kills."""


def serve(
    data: Path,
    listen: Address,
    app: str | None = None,
    stop_timeout_s: float = STOP_TIMEOUT_S,
) -> None:
    """Serve a data directory until a signal says to stop.

    Args:
        data: the directory; created if it is missing.
        listen: where to answer.
        app: the workflows, ``MODULE:ATTR``.
        stop_timeout_s: what runs in progress get at the end, in seconds.

    Raises:
        AppError: there are no such workflows.
        ListenError: the address cannot be listened on.
        SessionThreadException: the data directory cannot be opened.
    """
    workflows = load_workflows(app)
    with bind(listen) as listener:
        url = url_of(listener)
        runtime = open_runtime(data, workflows)
        with runtime:  # should something below fail
            server = HttpServer(
                create_app(runtime), listener, lambda: _say_ready(data, url)
            )
            with stop_signals(Stop(lambda: _stop(server, runtime))):
                server.serve_until_stopped()
                _say_stopping(runtime, stop_timeout_s)
                runtime.close(stop_timeout_s)


def _stop(server: HttpServer, runtime: Runtime) -> None:
    """Begin to stop, or hurry up if that has begun; in a signal handler."""
    if server.should_exit:
        runtime.hurry()
    server.stop()


def _say_ready(data: Path, url: str) -> None:
    _say(f"serving {data} on {url} (metrics: {url}/metrics; stop: Ctrl-C)")


def _say_stopping(runtime: Runtime, timeout_s: float) -> None:
    running = runtime.statistics().actors["thread", "running"]
    if running:
        runs = "1 run gets" if running == 1 else f"{running} runs get"
        _say(f"stopping; {runs} {timeout_s:g} s (stop now: Ctrl-C)")


def _say(words: str) -> None:
    sys.stderr.write(f"weft: {words}\n")
    sys.stderr.flush()
