"""Is this file what was written? Asked before the engine trusts it.

A damaged page of an LMDB file does not raise, it kills the process that reads it: of
600 planted damages 194 did. So the file is examined in a child process
(:mod:`weft.storage.examine`): page by page as bytes, then record by record.

An examination takes seconds per million threads, so it is made only when it can find
something: when the machine was started since the store was last used (what the disk
did not keep shows only now), when the file is a copy (of a store in use it is what no
commit left), when the mark beside the store is missing, or when the two first pages
look wrong. After a mere ``kill -9`` the pages are still in the system's cache, as they
were written, and the store opens at once.

Guarantees: nothing that a file contains kills the process that asks.
"""

import logging
from pathlib import Path
from typing import Final

import msgspec

from weft.storage.check_lookup import KINDS
from weft.storage.child import Poll, io_bytes, run_child
from weft.storage.errors import StoreCorrupt
from weft.storage.mark import COPIED, Mark
from weft.storage.meta_page import PAGE_SIZE_BYTES, MetaPages
from weft.storage.progress import Progress

__all__ = [
    "OF_THE_FILE",
    "Damage",
    "Examination",
    "ensure_readable",
    "ensure_sound",
    "examine",
    "refusal",
    "rolled_back",
]

logger = logging.getLogger("weft.storage")

TOLD_MAX: Final = 200
"""Findings beyond these are counted, not told: one bad page can spoil thousands."""


OF_THE_FILE: Final = frozenset({"meta_page", "structure", "unreadable"})
"""Kinds of damage that kill a process. All others are of records, which only tell."""


class Damage(msgspec.Struct, frozen=True):
    """Something that is not as it was written.

    Attributes:
        kind: missing, meta_page, structure, unreadable, rolled_back, mark, stale, or
            the kind of an :class:`~weft.storage.check.Inconsistency`.
        where: the page, record, session or thread.
        detail: one sentence.
    """

    kind: str
    where: str
    detail: str


class Examination(msgspec.Struct, frozen=True):
    """What an examination found.

    Attributes:
        damages: what is wrong, the first :data:`TOLD_MAX`.
        found: how many in all.
        format: of the store; None where it could not be read.
        seq: its last applied operation; 0 where it could not be read.
        txnid: its last transaction.
        pages: in use.
        entries: read and compared.
        duration_s: in seconds.
    """

    damages: list[Damage]
    found: int
    format: int | None
    seq: int
    txnid: int
    pages: int
    entries: int
    duration_s: float

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.damages


def examine(place: Path, progress: Progress | None = None) -> Examination:
    """Examine a store that nobody writes, in a child process.

    Args:
        place: the directory that holds ``data.mdb``.
        progress: told pages, done and of all.

    Raises:
        OSError: the file cannot be read, or no process can be started.
    """
    size = (place / "data.mdb").stat().st_size // PAGE_SIZE_BYTES
    ended = run_child(
        ["examine", str(place)],
        Examination,
        progress=progress,
        poll=_pages_read(size),
    )
    if ended.result is not None:
        if progress is not None:
            progress(size, size)
        return ended.result
    detail = f"The process that examined the store {ended.words}."
    return Examination(
        damages=[Damage("unreadable", str(place), detail)],
        found=1,
        format=None,
        seq=0,
        txnid=MetaPages.read(place / "data.mdb").txnid,
        pages=size,
        entries=0,
        duration_s=ended.duration_s,
    )


def _pages_read(size: int) -> Poll:
    """Return how far the verifier is: it reads each page once."""

    def poll(pid: int) -> tuple[int, int] | None:
        done = io_bytes(pid)
        return None if done is None else (min(size, done[0] // PAGE_SIZE_BYTES), size)

    return poll


def ensure_sound(
    directory: Path,
    mark: Mark | None,
    progress: Progress | None = None,
    *,
    to_repair: bool = False,
) -> tuple[str, ...]:
    """Refuse a store that the engine must not be trusted with.

    Args:
        directory: the data directory; its owner lock is held.
        mark: the mark found in it, None if there is none.
        progress: told pages, done and of all, if they are all examined.
        to_repair: accept damaged records and contradictions; they kill nobody.

    Returns:
        details of the damages that were accepted, now or before.

    Raises:
        StoreCorrupt: it is damaged, or older than its mark.
    """
    place = directory / "store"
    data = place / "data.mdb"
    metas = MetaPages.read(data)
    accepted = () if mark is None else mark.accepted
    reason = "it has no mark" if mark is None else mark.doubt(data)
    faults = metas.faults()
    if faults:
        damages = [Damage("meta_page", f"page {one.slot}", str(one)) for one in faults]
        raise refusal(place, damages, len(damages), reason)
    if mark is not None and (lost := mark.lost(mark.seq, metas.txnid)):
        raise refusal(place, [rolled_back(place, lost)], 1)
    if reason is None and metas.truncated:
        reason = "the file is shorter than it says"
    if reason is None:
        return accepted
    logger.info("examining %s before it is opened: %s", place, reason)
    found = examine(place, progress)
    if found.clean:
        logger.info(
            "%s is sound: %d pages, %d entries, %.1f s",
            place,
            found.pages,
            found.entries,
            found.duration_s,
        )
        return ()
    details = tuple(one.detail for one in found.damages)
    known = found.found == len(details) and set(details) <= set(accepted)
    of_file = OF_THE_FILE & {one.kind for one in found.damages}
    if of_file or not (to_repair or known):
        raise refusal(place, found.damages, found.found, reason)
    logger.warning("%s is opened with %d findings", place, found.found)
    return details


def ensure_readable(directory: Path, progress: Progress | None = None) -> None:
    """Refuse a store that would kill its reader, whether or not somebody has it open.

    An owner has written the mark of this file in this run of the machine (or that it
    creates one), so beside one nothing is looked at: its meta pages may change under
    the eye.

    Args:
        directory: the data directory.
        progress: told pages, done and of all, if they are all examined.

    Raises:
        StoreCorrupt: its pages are damaged, or it is older than its mark.
        OSError: there is nothing to read.
    """
    mark = Mark.read(directory)
    if mark is None or (mark.txnid and mark.doubt(directory / "store" / "data.mdb")):
        ensure_sound(directory, mark, progress, to_repair=True)


def rolled_back(place: Path, lost: str) -> Damage:
    """Return the finding of a store that is older than its mark."""
    return Damage("rolled_back", str(place), f"The store is an older one: {lost}.")


def refusal(
    place: Path, damages: list[Damage], found: int, reason: str | None = None
) -> StoreCorrupt:
    """Return the error of a damaged store: the first damage, and how many more.

    Args:
        place: the directory that holds ``data.mdb``.
        damages: the first of them.
        found: how many in all.
        reason: why it was looked at, if there is one.
    """
    first = damages[0]
    more = f" (and {found - 1} more)" if found > 1 else ""
    data = place.parent
    remedy = f"`weft fsck --data {data}` tells all."
    if first.kind in KINDS:
        remedy += (
            f" `weft repair --data {data}` mends what contradicts, and has the store "
            "opened with the rest."
        )
    if reason == COPIED:
        remedy += " Of a store in use `weft backup` makes whole copies."
    return StoreCorrupt(
        f"{place} is damaged at {first.where}: {first.detail}{more} {remedy}",
        details={
            "path": str(place / "data.mdb"),
            "found": found,
            "damages": [
                {"kind": one.kind, "where": one.where, "detail": one.detail}
                for one in damages[:20]
            ],
        },
    )
