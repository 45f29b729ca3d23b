"""Which runs' ends are still to be told, and to whom: a file for each.

It is written before the client learns that its run has begun, and removed when the
receiver has taken the webhook, or is given up. So whatever happens to the process
between, the next one tells. URLs hold secrets more often than not: that is why they
stand here, and in no record that others can read.

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

from weft.daemon.unusable import Unusable
from weft.storage.mark import write_whole

__all__ = ["Noted", "Outbox", "OutboxError"]

logger = logging.getLogger("weft.webhooks")

_RUN_ID: Final = re.compile(r"[0-9a-f-]{1,64}")
"""Runs that are started over HTTP have generated ids."""

_DRAFT: Final = ".new"


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
    """

    run_id: str
    thread_id: str
    url: str
    owner: str | None = None

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
            path = self._path(self._directory, noted.run_id)
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, msgspec.json.encode(noted))

    def remove(self, run_id: str) -> None:
        """Remove one, if it is there; a loss of power may bring it back."""
        if self._directory is not None:
            self._path(self._directory, run_id).unlink(missing_ok=True)

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
    def _path(directory: Path, run_id: str) -> Path:
        if not _RUN_ID.fullmatch(run_id):
            raise ValueError(f"{run_id!r} is no generated id.")
        return directory / run_id


def _read(directory: Path) -> Iterator[Noted]:
    for path in sorted(directory.iterdir()):
        if path.suffix == _DRAFT:  # of a process that was killed
            path.unlink(missing_ok=True)
            continue
        try:
            yield msgspec.json.decode(path.read_bytes(), type=Noted)
        except msgspec.DecodeError:  # its words would show a part of the URL
            logger.warning("%s is damaged: nobody is told of that run", path)
