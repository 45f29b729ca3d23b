"""fsck: everything about a store that nobody has open, and the one repair it needs.

Looks at all that can be wrong with a data directory: the store is there, its pages and
records are what was written (:mod:`weft.storage.verify`), it is as far as its mark
says. With ``repair`` it

* goes back to the transaction before the last one, if the newest meta page (or what
  only the last transaction wrote) is damaged and the twin's store is sound as a whole;
* rebuilds an older meta page from its newer twin, at no loss;
* writes a new mark, if the mark is damaged or the store an older one.

Guarantees:
    * without ``repair`` nothing is changed;
    * the file as it was is kept beside the store before it is replaced;
    * what takes its place was examined as a whole first, and goes in by one rename;
    * a store that somebody has open is refused, and its owner named.

Not here: damaged records and inconsistencies. They are told; a backup has the records,
and a running store repairs inconsistencies.
"""

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from weft.storage.errors import StoreCorrupt
from weft.storage.leftover import operations_after
from weft.storage.lock import OwnerLock
from weft.storage.mark import MARK_NAME, Mark, flush
from weft.storage.meta_page import PAGE_SIZE_BYTES, MetaPage, MetaPages, promoted
from weft.storage.progress import Progress
from weft.storage.verify import (
    OF_THE_FILE,
    Damage,
    Examination,
    examine,
    rolled_back,
)

__all__ = ["FsckReport", "fsck"]


class FsckReport(msgspec.Struct, frozen=True):
    """What fsck found and did.

    Attributes:
        directory: the data directory.
        damages: what is wrong and still there, the first 200.
        repaired: what was wrong.
        lost: sentences: what the repair could not keep.
        kept: where the file lies as it was before the repair.
        examination: of the store as it is now; None if there is none.
        duration_s: in seconds.
    """

    directory: str
    damages: list[Damage]
    repaired: list[Damage]
    lost: list[str]
    kept: str | None
    examination: Examination | None
    duration_s: float

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong now."""
        return not self.damages

    @property
    def exit_code(self) -> int:
        """0 clean; 1 all that was found is repaired; 65 (EX_DATAERR) damage is left."""
        if self.damages:
            return os.EX_DATAERR
        return 1 if self.repaired else 0


def fsck(
    directory: Path, *, repair: bool = False, progress: Progress | None = None
) -> FsckReport:
    """Examine a data directory that nobody has open.

    Args:
        directory: the data directory.
        repair: mend what can be mended.
        progress: told pages, done and of all.

    Raises:
        StoreLocked: somebody has it open.
        OSError: it cannot be read, or the repair cannot be written.
    """
    lock = OwnerLock.acquire(directory / "owner.lock")
    try:
        return _Fsck(directory, repair=repair, progress=progress).run()
    finally:
        lock.release()


class _Fsck:
    """One run."""

    def __init__(
        self, directory: Path, *, repair: bool, progress: Progress | None
    ) -> None:
        self._directory = directory
        self._place = directory / "store"
        self._file = self._place / "data.mdb"
        self._repair = repair
        self._progress = progress
        self._repaired: list[Damage] = []
        self._lost: list[str] = []
        self._kept: Path | None = None

    def run(self) -> FsckReport:
        began_s = time.perf_counter()
        mark, damages = self._read_mark()
        examination: Examination | None = None
        if not self._file.is_file():
            damages.append(Damage("missing", str(self._file), "There is no store."))
        else:
            examination = examine(self._place, self._progress)
            if self._repair and OF_THE_FILE & {d.kind for d in examination.damages}:
                examination = self._fall_back(mark, examination)
            damages = self._judge_mark(mark, damages, examination)
        return FsckReport(
            directory=str(self._directory),
            damages=damages,
            repaired=self._repaired,
            lost=self._lost,
            kept=None if self._kept is None else str(self._kept),
            examination=examination,
            duration_s=time.perf_counter() - began_s,
        )

    def _read_mark(self) -> tuple[Mark | None, list[Damage]]:
        try:
            return Mark.read(self._directory), []
        except StoreCorrupt as error:
            return None, [Damage("mark", MARK_NAME, error.message)]

    def _judge_mark(
        self, mark: Mark | None, of_mark: list[Damage], found: Examination
    ) -> list[Damage]:
        """Return all damages; a sound store gets a mark that fits it."""
        lost = mark.lost(found.seq, found.txnid) if mark and found.clean else None
        if lost and not self._repaired:
            of_mark = [*of_mark, rolled_back(self._place, lost)]
        if self._repair and found.clean and (of_mark or self._repaired):
            self._repaired += of_mark
            self._lost += [one.detail for one in of_mark if one.kind == "rolled_back"]
            now = Mark.of(self._file, found.seq, found.txnid, clean=True)
            now.write(self._directory)
            return []
        return [*of_mark, *found.damages]

    def _fall_back(self, mark: Mark | None, found: Examination) -> Examination:
        """Put the store of one sound meta page in the file's place, if one is whole."""
        metas = MetaPages.read(self._file)
        newest_first = sorted(
            (page for page in metas.pages if page is not None and not page.fault()),
            key=lambda page: -page.txnid,
        )
        draft = self._directory / "fsck.new"
        try:
            for meta in newest_first:
                examination = self._examine_draft(draft, meta)
                # One transaction may be lost; more were not in this file.
                enough = mark is None or examination.txnid >= mark.txnid
                if examination.clean and enough:
                    self._adopt(draft, examination, found)
                    return examination
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return found

    def _examine_draft(self, draft: Path, meta: MetaPage) -> Examination:
        """Examine a copy of the file in which one meta page has a new twin."""
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        shutil.copyfile(self._file, draft / "data.mdb")
        with (draft / "data.mdb").open("r+b") as file:
            file.seek(meta.slot * PAGE_SIZE_BYTES)
            page = file.read(PAGE_SIZE_BYTES)
            file.seek((1 - meta.slot) * PAGE_SIZE_BYTES)
            file.write(promoted(page))
            file.flush()
            os.fsync(file.fileno())
        return examine(draft, self._progress)

    def _adopt(self, draft: Path, now: Examination, found: Examination) -> None:
        """Keep the file as it was and put the draft in its place."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        self._kept = self._directory / f"before-fsck-{stamp}.mdb"
        os.link(self._file, self._kept)
        flush(self._directory)
        (draft / "data.mdb").chmod(0o600)
        (draft / "data.mdb").replace(self._file)
        flush(self._place)
        self._repaired += found.damages
        lost = operations_after(self._kept, now.seq)
        if lost:
            ids = ", ".join(repr(one.op_id) for one in lost[:10])
            more = f" and {len(lost) - 10} more" if len(lost) > 10 else ""  # noqa: PLR2004
            self._lost.append(
                f"The store is back at operation {now.seq}. Transaction {now.txnid} is "
                f"lost with operations {lost[0].seq} to {lost[-1].seq} ({ids}{more}); "
                "they may have been acknowledged."
            )
