"""A private PostgreSQL server for tests: fsync on, stopped by its own process id.

``initdb`` and the server refuse to run as root: started by root they run as the user
``postgres``, or as ``nobody`` where there is none. ``WEFT_TEST_DSN`` names a server to
use instead; a database of its own is made there for each that asks.

Not here: what is in the database (:mod:`weft.cluster.schema`).
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import psycopg
import pytest

from tests.ports import free_port

__all__ = ["PostgresServer", "binary", "needs_postgres"]

_DEBIAN: Final = Path("/usr/lib/postgresql")
_START_TIMEOUT_S: Final = 30.0
_LOOK_S: Final = 0.02
_USER: Final = "weft"


def binary(name: str) -> Path | None:
    """Return where a program of PostgreSQL is: Debian's newest, or on the path."""
    installed = sorted(_DEBIAN.glob(f"*/bin/{name}"))
    if installed:
        return installed[-1]
    found = shutil.which(name)
    return None if found is None else Path(found)


def needs_postgres() -> None:
    """Skip the test if there is no PostgreSQL, and none is named."""
    if not os.environ.get("WEFT_TEST_DSN") and binary("initdb") is None:
        pytest.skip("needs the extra [cluster]: PostgreSQL's initdb, or WEFT_TEST_DSN")


class PostgresServer:
    """A server in a temporary directory; gone, directory and all, at the end.

    Args:
        standby_of: the server that this one is to follow, by streaming replication.
        settings: of the server, beside those that make it durable and small.

    Attributes:
        dsn: the address of its first database, over the loopback interface.
        socket_dsn: the same over the Unix socket, which is faster.
    """

    def __init__(
        self, standby_of: "PostgresServer | None" = None, **settings: str
    ) -> None:
        self._as_user = _as_user()
        self.directory = Path(tempfile.mkdtemp(prefix="weft-postgres-"))
        self._data = self.directory / "data"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        where = f"host={self.directory}&port={self._port}&user={_USER}"
        self.dsn = f"postgresql://{_USER}@127.0.0.1:{self._port}/postgres"
        self.socket_dsn = f"postgresql:///postgres?{where}"
        try:
            self._make(standby_of)
            self.start()
        except BaseException:
            self.close()
            raise

    def _make(self, standby_of: "PostgresServer | None") -> None:
        if self._as_user:
            os.chown(self.directory, self._as_user["user"], self._as_user["group"])
        self.directory.chmod(0o755)
        if standby_of is not None:
            self._run(
                [_needed("pg_basebackup"), "-R", "-c", "fast", "--no-sync",
                 "-D", self._data, "-d", standby_of.socket_dsn]
            )  # fmt: skip
            return
        command: list[str | Path] = [
            _needed("initdb"), "-D", self._data, "-U", _USER, "--auth=trust",
            "--encoding=UTF8", "--locale=C", "--no-sync",  # the server syncs
        ]  # fmt: skip
        self._run(command)

    def _run(self, command: list[str | Path]) -> None:
        done = subprocess.run(
            command,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            **self._as_user,
        )
        if done.returncode:
            raise RuntimeError(done.stdout.decode("utf-8", "replace"))

    def start(self) -> None:
        """Start it, and wait until it answers; it may have been stopped or killed."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": str(self.directory),
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "max_connections": "60",
            "shared_buffers": "64MB",
        } | self._settings
        flags = [f"--{name}={value}" for name, value in options.items()]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_needed("postgres"), "-D", self._data, *flags],
                stdout=log,
                stderr=log,
                cwd=self.directory,
                **self._as_user,
            )
        self._await()

    def _await(self) -> None:
        assert self._process is not None
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while True:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.socket_dsn, connect_timeout=5).close()
                return
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LOOK_S)
            if not self.running or time.monotonic() > deadline_s:
                raise RuntimeError(f"PostgreSQL did not start: {self.log}")

    @property
    def running(self) -> bool:
        """Whether the server's process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has written so far."""
        return (self.directory / "log").read_text("utf-8", "replace")

    def stop(self) -> None:
        """Stop it in order: connections are cut, everything is flushed."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Have it die without a checkpoint, as after a loss of power."""
        self._end(signal.SIGQUIT)

    def promote(self) -> None:
        """Have a standby become a primary, and wait until it is one."""
        with psycopg.connect(self.socket_dsn, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def freeze(self) -> None:
        """Stop all its processes in their tracks; they keep their connections."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        parent = self._process.pid
        tasks = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for pid in (parent, *map(int, tasks)):
            os.kill(pid, number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(number)
            self._process.wait(_START_TIMEOUT_S)

    def database(self, name: str) -> str:
        """Make an empty database, and return its address."""
        with psycopg.connect(self.socket_dsn, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.socket_dsn.replace("/postgres?", f"/{name}?")

    def close(self) -> None:
        """Stop it for good and delete everything."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _needed(name: str) -> Path:
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
