"""Who had a data directory last, and whether its store may be opened.

Guarantees:
    * a store that is damaged, older than its mark, or gone is refused before anything
      in the directory is changed;
    * the mark is behind the store or at its end, never ahead of it;
    * a disk that takes no mark keeps no store from being opened or closed.
"""

import logging
import os
from pathlib import Path

from weft.storage.backup import backup
from weft.storage.errors import StoreCorrupt
from weft.storage.mark import Mark, boot_id
from weft.storage.meta_page import MetaPages
from weft.storage.progress import Progress
from weft.storage.verify import ensure_sound, refusal, rolled_back

__all__ = ["Custody"]

logger = logging.getLogger("weft.storage")


class Custody:
    """A data directory while it is open; its owner lock is held.

    Args:
        directory: the data directory.
        to_repair: records may contradict each other; the pages must be sound.

    Raises:
        StoreCorrupt: its mark cannot be read.
    """

    def __init__(self, directory: Path, *, to_repair: bool = False) -> None:
        self._directory = directory
        self._place = directory / "store"
        self._to_repair = to_repair
        self._mark = Mark.read(directory)
        self._accepted: tuple[str, ...] = ()
        self._pid = os.getpid()
        self._open = False

    def admit(self, progress: Progress | None = None) -> None:
        """Let the store be opened, or created where there never was one.

        Args:
            progress: told pages, done and of all, if they have to be examined.

        Raises:
            StoreCorrupt: it must not be opened.
        """
        if self._place.exists():
            self._accepted = ensure_sound(
                self._directory, self._mark, progress, to_repair=self._to_repair
            )
        elif self._mark is not None and self._mark.seq:
            raise StoreCorrupt(
                f"{self._place} is gone; it held {self._mark.seq} operations.",
                details={"path": str(self._place), "seq": self._mark.seq},
            )
        else:
            self._write(Mark(0, 0, boot_id(), clean=False))

    def back_up(self, form: int) -> None:
        """Keep the store as it is, before it gets another format.

        Args:
            form: the format it has.

        Raises:
            OSError: there is no room for it.
        """
        txnid = MetaPages.read(self._place / "data.mdb").txnid
        to = self._directory / f"before-format-{form + 1}-at-{txnid}"
        if not to.exists():  # else a migration died behind its backup
            backup(self._directory, to)
        logger.info("%s: format %d is kept in %s", self._place, form, to)

    def begin(self, seq: int) -> None:
        """Note that the store is open.

        Args:
            seq: its last applied operation.

        Raises:
            StoreCorrupt: it is older than its mark.
        """
        now = self._now(seq, clean=False)
        if self._mark is not None and (lost := self._mark.lost(seq, now.txnid)):
            raise refusal(self._place, [rolled_back(self._place, lost)], 1)
        self._write(now)
        self._open = True

    def end(self, seq: int) -> None:
        """Note that the store was closed. Twice is no error.

        Args:
            seq: its last applied operation.
        """
        # A forked child closes only its own copy of everything.
        if self._open and os.getpid() == self._pid:
            self._open = False
            self._write(self._now(seq, clean=True))

    def _now(self, seq: int, *, clean: bool) -> Mark:
        data = self._place / "data.mdb"
        txnid = MetaPages.read(data).txnid
        return Mark.of(data, seq, txnid, clean=clean, accepted=self._accepted)

    def _write(self, mark: Mark) -> None:
        try:
            mark.write(self._directory)
        except OSError as error:
            logger.warning("%s: the mark could not be written: %s", self._place, error)
