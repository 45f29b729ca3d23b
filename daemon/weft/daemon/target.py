"""Whom a command asks: a daemon, or a data directory itself.

The daemon is, in this order: ``--url``; ``--socket``; the one that answers on the
socket where ``weft serve`` makes one by default; ``http://127.0.0.1:8123``, where
``weft serve`` answers by default. A token comes from ``--token-file`` or
``WEFT_TOKEN``: not from an option, which other users of the machine would see.
"""

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from weft.daemon.wire import is_token

if TYPE_CHECKING:
    from collections.abc import Generator

    from weft.daemon.client import Client
    from weft.daemon.remote import Remote
    from weft.daemon.source import Source

__all__ = ["DEFAULT_URL", "Target"]

DEFAULT_URL: Final = "http://127.0.0.1:8123"


class Target(msgspec.Struct, frozen=True):
    """What the options say.

    Attributes:
        url: the daemon's address.
        socket: the daemon's Unix socket.
        token_file: a file that holds a token.
        timeout_s: how long to wait for an answer.
        data: a data directory to read in place of asking.
    """

    url: str | None = None
    socket: Path | None = None
    token_file: Path | None = None
    timeout_s: float = 30.0
    data: Path | None = None

    def remote(self) -> "Remote":
        """Return a connection to the daemon; nothing is asked yet.

        Raises:
            click.UsageError: the options name a data directory.
        """
        from weft.daemon.remote import Remote

        if self.data is not None:
            raise click.UsageError("--data reads a directory; this needs a daemon.")
        return Remote(self._place(), token=self._token(), timeout_s=self.timeout_s)

    def client(self) -> "Client":
        """Return the daemon held like a runtime.

        Raises:
            click.UsageError: the options name a data directory.
        """
        from weft.daemon.client import connect

        if self.data is not None:
            raise click.UsageError("--data reads a directory; this needs a daemon.")
        return connect(self._place(), self._token())

    @contextmanager
    def source(self) -> "Generator[Source]":
        """Open what can be read for the time of a with block."""
        from weft.daemon.source import DirectSource, RemoteSource

        if self.data is not None:
            with DirectSource.of(self.data) as direct:
                yield direct
            return
        with self.remote() as remote:
            yield RemoteSource(remote)

    def _place(self) -> str | Path:
        return self.url or self.socket or _default_place()

    def _token(self) -> str | None:
        if self.token_file is not None:
            place = str(self.token_file)
            text = self.token_file.read_text(encoding="utf-8", errors="replace")
            lines = [line for line in text.splitlines() if not line.startswith("#")]
            words = " ".join(lines).split()
        else:
            place = "WEFT_TOKEN"
            words = os.environ.get(place, "").split()
            if not words:
                return None
        if not words or not is_token(words[0]):
            raise click.UsageError(f"{place} holds no token.")
        return words[0]


def _default_place() -> str | Path:
    from weft.daemon.meeting_place import default_socket, is_answered

    socket = default_socket()
    return socket if is_answered(socket) else DEFAULT_URL
