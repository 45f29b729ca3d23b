"""Which runs' ends are still to be told, and to whom: a file for each.

It is written before the run is started, as a wish under the start's idempotency key,
renamed when the run is known, and removed when the receiver has taken the webhook, or
is given up. So whatever happens to the process between, the next one tells: what became
of a start it finds in the store's log. URLs hold secrets more often than not: that is
why they stand here, and in no record that others can read.

Guarantees: what was entered is there after a loss of power; a file is whole or not
there; nobody else can read it; a damaged one is told, and keeps no other.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from weft.daemon.unusable import Unusable
from weft.storage.mark import write_whole

__all__ = ["Noted", "Outbox", "OutboxError"]

logger = logging.getLogger("weft.webhooks")

_NAME: Final = re.compile(r"[0-9a-f-]{1,64}(\.wish)?")
"""Runs that are started over HTTP have generated ids."""

_DRAFT: Final = ".new"
_WISH: Final = ".wish"


class OutboxError(Unusable):
    """The outbox cannot be used."""


class Noted(msgspec.Struct, frozen=True):
    """One end that is to be told.

    Attributes:
        run_id: of the run.
        thread_id: its thread, which stays until then if it exists for this run only.
        url: whom to tell.
        owner: who asked for it, and must own the thread's session still; None for
            somebody who sees all.
        op_id: the idempotency key of its start, as long as nobody knows what came of
            that; ``run_id`` stands in for the run's then. None from then on.
    """

    run_id: str
    thread_id: str
    url: str
    owner: str | None = None
    op_id: str | None = None

    @property
    def name(self) -> str:
        """What its file is called."""
        return self.run_id if self.op_id is None else f"{self.run_id}{_WISH}"

    @property
    def host(self) -> str:
        """What of the URL may be shown."""
        return urlsplit(self.url).hostname or ""


class Outbox:
    """The ends that are to be told.

    Args:
        directory: created when it is needed; None to remember nothing.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def enter(self, noted: Noted) -> None:
        """Enter one, durably.

        Raises:
            OSError: that was not possible.
        """
        if self._directory is not None:
            path = self._path(self._directory, noted.name)
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, msgspec.json.encode(noted))

    def settle(self, wish: Noted, run_id: str) -> Noted:
        """Have a wish be of the run that was started, and return it so.

        Without a flush: a loss of power brings the wish back, and it is settled again.

        Raises:
            OSError: that was not possible.
        """
        noted = replace(wish, run_id=run_id, op_id=None)
        if self._directory is not None:
            path = self._path(self._directory, noted.name)
            self._path(self._directory, wish.name).replace(path)
        return noted

    def remove(self, name: str) -> None:
        """Remove one, if it is there; a loss of power may bring it back."""
        if self._directory is not None:
            self._path(self._directory, name).unlink(missing_ok=True)

    def read(self) -> list[Noted]:
        """Return what processes before this one have not told.

        Raises:
            OutboxError: it cannot be read.
        """
        if self._directory is None or not self._directory.exists():
            return []
        try:
            return list(_read(self._directory))
        except OSError as error:
            words = f"The outbox of webhooks, {error.filename}, cannot be read"
            raise OutboxError(f"{words}: {error.strerror}", "Mend it.") from error

    @staticmethod
    def _path(directory: Path, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no generated id.")
        return directory / name


def _read(directory: Path) -> Iterator[Noted]:
    for path in sorted(directory.iterdir()):
        if path.suffix == _DRAFT:  # of a process that was killed
            path.unlink(missing_ok=True)
            continue
        try:
            noted = msgspec.json.decode(path.read_bytes(), type=Noted)
        except msgspec.DecodeError:  # its words would show a part of the URL
            logger.warning("%s is damaged: nobody is told of that run", path)
            continue
        if noted.op_id is not None and path.suffix != _WISH:  # settled since
            noted = replace(noted, run_id=path.name, op_id=None)
        yield noted
