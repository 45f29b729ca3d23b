"""The daemon that ails on command, seen from the test, and clients that load it."""

import http.client
import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import msgspec

from tests.daemon.child import DEADLINE_S, environment, first_line
from tests.metrics.scraping import TOKENS

HEADERS = {
    "Authorization": "Bearer administrator-of-tests",
    "Content-Type": "application/json",
}


class AilingDaemon:
    """A running daemon.

    Args:
        child: its process.
        port: where it answers.
    """

    def __init__(self, child: subprocess.Popen[str], port: int) -> None:
        self.child = child
        self.port = port

    @property
    def target(self) -> str:
        """What Prometheus scrapes."""
        return f"127.0.0.1:{self.port}"

    def suffer(self, line: str) -> None:
        """Switch a fault on or off."""
        assert self.child.stdin is not None
        self.child.stdin.write(f"{line}\n")
        self.child.stdin.flush()
        assert self.child.stdout is not None
        assert f"{line}\n" == self.child.stdout.readline()

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection, not opened yet."""
        return http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=DEADLINE_S, blocksize=1 << 16
        )

    def post(self, path: str, body: Any) -> int:
        """Send a request; return the status."""
        connection = self.connection()
        connection.request("POST", path, msgspec.json.encode(body), HEADERS)
        status = connection.getresponse().status
        connection.close()
        return status


@contextmanager
def ailing_daemon(
    directory: Path, port: int, *options: str, disk_mb: int | None = None
) -> Iterator[AilingDaemon]:
    """Run the daemon.

    Args:
        directory: has its data and its tokens, or will.
        port: where.
        options: of ``weft serve``.
        disk_mb: the size of a disk of its own for its data, in memory; only the daemon
            sees it. None for none.
    """
    data = directory / "data"
    tokens = directory / "tokens"
    tokens.touch(mode=0o600)
    tokens.write_text(TOKENS)
    command = [sys.executable, "-m", "tests.metrics.ailing", "serve"]
    if disk_mb is not None:
        data.mkdir(mode=0o700)
        command = [*on_own_disk(data, disk_mb), *command]
    places = ["--data", str(data), "--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(
        [*command, *places, "--token-file", str(tokens), *options],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            assert "serving" in first_line(child)
            Thread(target=_drain, args=(child,), daemon=True).start()
            yield AilingDaemon(child, port)
        finally:
            child.kill()


def on_own_disk(directory: Path, size_mb: int) -> list[str]:
    """Return what makes a command see a small disk where a directory is."""
    mount = f"mount -t tmpfs -o size={size_mb}m,mode=700 none {directory}"
    return [
        "unshare",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        f'{mount} && exec "$@"',
        "-",
    ]


def can_have_own_disk(directory: Path) -> bool:
    """Whether this machine lets a process have one."""
    command = [*on_own_disk(directory, 1), "true"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _drain(child: subprocess.Popen[str]) -> None:
    """Read what it says, so that it never waits for a reader."""
    assert child.stderr is not None
    for _ in child.stderr:
        pass


class Load:
    """Clients that create sessions and threads for the time of a with block.

    Args:
        daemon: whom they ask.
        clients: how many.
    """

    def __init__(self, daemon: AilingDaemon, clients: int) -> None:
        self._daemon = daemon
        self._stopping = Event()
        self._numbers = itertools.count()
        self.answers = 0
        self._os_threads = [
            Thread(target=self._run, daemon=True) for _ in range(clients)
        ]

    def __enter__(self) -> Self:
        for each in self._os_threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for each in self._os_threads:
            each.join(DEADLINE_S)

    def _run(self) -> None:
        connection = self._daemon.connection()
        while not self._stopping.is_set():
            body = msgspec.json.encode({"session_id": f"s-{next(self._numbers)}"})
            try:
                connection.request("POST", "/sessions", body, HEADERS)
                connection.getresponse().read()
                self.answers += 1
            except (OSError, http.client.HTTPException):
                connection.close()
                self._stopping.wait(0.1)
        connection.close()
