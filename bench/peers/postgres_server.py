"""A private PostgreSQL cluster in a directory, fsync on, reached by a Unix socket.

``initdb`` and the server refuse to run as root. Started by root they run as the user
``postgres``, or as ``nobody`` where there is none; the directory is given to that user,
who also needs to pass through those above it. Nothing of an installed cluster is used
or touched, and the server is stopped by its own process id.
"""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Final, Self

from bench.peers.blocking import package

__all__ = ["PostgresServer", "binary"]

_DEBIAN: Final = Path("/usr/lib/postgresql")
_START_TIMEOUT_S: Final = 60.0
_LOOK_S: Final = 0.05
_USER: Final = "bench"


def binary(name: str) -> str | None:
    """Return where a program of PostgreSQL is: on the path, or where Debian has it."""
    found = shutil.which(name)
    if found is None:
        installed = sorted(_DEBIAN.glob(f"*/bin/{name}"))
        found = str(installed[-1]) if installed else None
    return found


class PostgresServer:
    """A running server; stops at the end of a ``with``.

    Args:
        directory: on the disk to measure; the cluster is made in it if it is missing.
        connections_max: at once.
    """

    def __init__(self, directory: Path, connections_max: int = 50) -> None:
        self._place = directory / "postgres"
        self._as_user = _as_user()
        if not self._place.exists():
            self._make()
        options = {
            "listen_addresses": "", "unix_socket_directories": str(self._place),
            "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
            "max_connections": str(connections_max), "shared_buffers": "256MB",
        }  # fmt: skip
        settings = [f"--{name}={value}" for name, value in options.items()]
        command = [_needed("postgres"), "-D", str(self._place), *settings]
        with (self._place / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._place, **self._as_user
            )
        atexit.register(self.stop)  # also when what it is used for fails
        self._await()

    def _make(self) -> None:
        self._place.mkdir(mode=0o700)
        if self._as_user:
            os.chown(self._place, self._as_user["user"], self._as_user["group"])
            for above in (self._place.parent, self._place.parent.parent):
                above.chmod(above.stat().st_mode | 0o111)
        command = [
            _needed("initdb"), "-D", str(self._place), "-U", _USER, "--auth=trust",
            "--encoding=UTF8", "--locale=C",
        ]  # fmt: skip
        subprocess.run(
            command,
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._place,
            **self._as_user,
        )

    @property
    def pid(self) -> int:
        """The server's process; each connection has a child of it."""
        return self._process.pid

    def dsn(self, database: str) -> str:
        """Return the address of a database, for libpq."""
        return f"host={self._place} user={_USER} dbname={database}"

    def connect(self) -> Any:
        """Return a connection of psycopg, one transaction for each statement."""
        return package("psycopg").connect(
            host=str(self._place), user=_USER, dbname="postgres", autocommit=True
        )

    def _await(self) -> None:
        failure = package("psycopg").OperationalError
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                self.connect().close()
                return
            except failure:
                ended = self._process.poll() is not None
                if ended or time.monotonic() > deadline_s:
                    self.stop()
                    log = (self._place / "log").read_text("utf-8", "replace")
                    raise RuntimeError(f"PostgreSQL did not start: {log}") from None
                time.sleep(_LOOK_S)

    def stop(self) -> None:
        """Stop it, with a checkpoint; by its process id."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # "fast": it waits for nobody
            self._process.wait(_START_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _needed(name: str) -> str:
    found = binary(name)
    if found is None:
        raise FileNotFoundError(f"{name} is missing: apt install postgresql")
    return found


def _as_user() -> dict[str, Any]:
    """Return who to run it as; nobody else, unless this is root."""
    if os.geteuid():
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
