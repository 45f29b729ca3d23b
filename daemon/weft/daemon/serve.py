"""``weft serve``: a runtime on a data directory, and its HTTP face.

Guarantees:
    * What can be refused is refused before the data directory is touched.
    * One line says where it answers, once it does.
    * SIGTERM and SIGINT end it with exit status 0: answers under way get 2 s, runs
      2 s more, what was acknowledged is kept.
"""

import sys
from pathlib import Path
from typing import Final

from weft.daemon.app import create_app
from weft.daemon.listen import Address, bind, url_of
from weft.daemon.opening import open_runtime
from weft.daemon.server import HttpServer
from weft.daemon.stop import Stop, stop_signals
from weft.daemon.workflows import load_workflows

__all__ = ["serve"]

CLOSE_TIMEOUT_S: Final = 2.0
"""What runs in progress get at the end; the next start takes them over."""


def serve(data: Path, listen: Address, app: str | None = None) -> None:
    """Serve a data directory until a signal says to stop.

    Args:
        data: the directory; created if it is missing.
        listen: where to answer.
        app: the workflows, ``MODULE:ATTR``.

    Raises:
        AppError: there are no such workflows.
        ListenError: the address cannot be listened on.
        SessionThreadException: the data directory cannot be opened.
    """
    workflows = load_workflows(app)
    with bind(listen) as listener:
        url = url_of(listener)
        runtime = open_runtime(data, workflows)
        try:
            server = HttpServer(
                create_app(runtime), listener, lambda: _say_ready(data, url)
            )
            with stop_signals(Stop(server.stop)):
                server.serve_until_stopped()
        finally:
            runtime.close(CLOSE_TIMEOUT_S)


def _say_ready(data: Path, url: str) -> None:
    line = f"weft: serving {data} on {url} (metrics: {url}/metrics; stop: Ctrl-C)"
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
