"""A daemon, reached over its socket, and a command line to ask it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.daemon.asking import url_in
from tests.daemon.child import first_line
from tests.daemon.child import weft as child
from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.daemon.http import HttpSettings, Tokens
from weft.daemon.listen import Address, bind
from weft.daemon.main import run
from weft.daemon.server import BackgroundServer

SECRET = "a-secret-that-may-do-all"  # noqa: S105 - of a test


APP = """
from weft.actors import workflow

@workflow(name="count", version="1")
def count(context, config):
    for number in range(1, int(config.get("to", 2)) + 1):
        yield {"counted": number}

@workflow(name="fail", version="1")
def fail(context, config):
    raise ValueError("no luck")

flows = [count, fail]
"""


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output, decoded."""
        return msgspec.json.decode(self.out)

    @property
    def lines(self) -> list[Any]:
        """The output, a JSON value a line, decoded."""
        return [msgspec.json.decode(line) for line in self.out.splitlines()]


Weft = Callable[..., Said]


class Daemon(NamedTuple):
    """One that answers.

    Attributes:
        url: its address.
        socket: its socket.
        data: its data directory.
    """

    url: str
    socket: Path
    data: Path


@pytest.fixture
def weft(capsys: pytest.CaptureFixture[str]) -> Weft:
    """Return a function that runs a command as if in a pipe."""

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the environment's daemons and tokens out of the tests."""
    for name in ("WEFT_URL", "WEFT_HTTP__SOCKET", "WEFT_TOKEN", "WEFT_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Return a daemon in a process of its own; tests share it, with own sessions."""
    place = tmp_path_factory.mktemp("served")
    (place / "flows.py").write_text(APP)
    data, socket = place / "data", place / "weft.sock"
    where = ("--data", data, "--listen", "127.0.0.1:0", "--socket", socket)
    with child("serve", *where, "--app", "flows:flows", cwd=place) as process:
        yield Daemon(url_in(first_line(process)), socket, data)


@pytest.fixture
def daemon(served: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """Return a daemon that commands find without being told."""
    monkeypatch.setenv("WEFT_HTTP__SOCKET", str(served.socket))
    return served


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Daemon]:
    """Return a daemon that wants a token."""
    tokens = tmp_path / "tokens"
    tokens.touch(mode=0o600)
    tokens.write_text(f"{SECRET} name=admin\n")
    with (
        Runtime.open(tmp_path / "data", workflows=[]) as runtime,
        BackgroundServer(
            create_app(runtime, HttpSettings(), Tokens(tokens)),
            bind(Address("127.0.0.1", 0)),
        ) as server,
    ):
        yield Daemon(server.url, tmp_path / "none.sock", tmp_path / "data")
