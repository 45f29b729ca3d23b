"""Every state that a disk may be left in when the power goes, from a trace.

What was synced before the last sync is there. Of what was written after it, any part
may be there, in any order: writes fall into pages of 4 KiB, pages into sectors of 512
bytes, and a sector is written whole or not at all. Each crash point is tried

=========== ==========================================================================
none, all   with nothing of what was not synced, and with all of it
prefix      as if the process was killed between two pages
drop, only  without one page, and with one page alone
subset      with some of the pages (out of order, that is)
shuffled    with all of them, in another order where they overlap
torn        with some of the pages, and some sectors of others
=========== ==========================================================================

The crash points are before each sync, in each synchronous write, and at the end; what
a crash between them leaves is among the states of the next.

Not here: a directory entry or a file size that is lost apart from the data, sectors
torn inside, disks that lie about a sync (for these, give a trace without syncs).
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final, NamedTuple

from tests.storage.iorecorder import Event, Mark, Sync, Truncate, Write

__all__ = ["HOWS", "CrashState", "crash_states"]

PAGE_SIZE_BYTES: Final = 4096
SECTOR_SIZE_BYTES: Final = 512

SUBSETS: Final = 12
TORN: Final = 16
SHUFFLED: Final = 2
SINGLES_MAX: Final = 40
"""Pages of a crash point that are dropped and kept one by one; more are drawn from."""

HOWS: Final = ("none", "all", "prefix", "drop", "only", "subset", "shuffled", "torn")

Piece = tuple[int, bytes]
"""Where in the file, and what."""


class CrashState(NamedTuple):
    """A file as a crash may leave it.

    Attributes:
        point: how many events the crash came after.
        how: which part of what was not synced is there.
        acknowledged: how many groups were acknowledged before the crash.
        base: the file as last synced.
        pieces: what is on top of it.
    """

    point: int
    how: str
    acknowledged: int
    base: bytes
    pieces: tuple[Piece, ...]

    @property
    def image(self) -> bytes:
        """The bytes of the file."""
        return compose(self.base, self.pieces)


def compose(base: bytes, pieces: Sequence[Piece]) -> bytes:
    """Return a file with pieces written over it, in their order."""
    if not pieces:
        return base
    end = max(offset + len(data) for offset, data in pieces)
    image = bytearray(base)
    image.extend(bytes(max(0, end - len(image))))
    for offset, data in pieces:
        image[offset : offset + len(data)] = data
    return bytes(image)


def crash_states(
    image: bytes, events: Sequence[Event], random: Random
) -> Iterator[CrashState]:
    """Yield the states that each crash point of a trace may leave, each once.

    Args:
        image: the file before the first event, on the disk.
        events: the trace; its marks count what was acknowledged.
        random: draws the subsets and what is torn.
    """
    base, acknowledged = image, 0
    waiting: list[Piece] = []
    for point, event in enumerate(events):
        if isinstance(event, Mark):
            acknowledged = event.value
            if waiting:  # acknowledged without a sync: the worst moment of all
                yield from _left(point, acknowledged, base, waiting, random)
        elif isinstance(event, Write):
            piece = (event.offset, event.data)
            if event.synchronous:
                now = [*waiting, piece]
                yield from _left(point, acknowledged, base, now, random)
                base, waiting = compose(base, now), []
            else:
                waiting += _pages(piece)
        elif isinstance(event, Sync):
            yield from _left(point, acknowledged, base, waiting, random)
            base, waiting = compose(base, waiting), []
        else:
            _refuse(event)
    yield CrashState(len(events), "none", acknowledged, base, ())
    yield from _left(len(events), acknowledged, base, waiting, random)


def _refuse(event: Truncate) -> None:
    raise NotImplementedError(f"LMDB 0.9 truncates no file without writemap: {event}")


def _left(
    point: int,
    acknowledged: int,
    base: bytes,
    waiting: list[Piece],
    random: Random,
) -> Iterator[CrashState]:
    """Yield the states of one crash point, each once."""
    seen: set[tuple[Piece, ...]] = set()
    changed = [piece for piece in waiting if not _is_there(base, piece)]
    for how, pieces in _selections(changed, random):
        if pieces not in seen:
            seen.add(pieces)
            yield CrashState(point, how, acknowledged, base, pieces)


def _is_there(base: bytes, piece: Piece) -> bool:
    offset, data = piece
    return base[offset : offset + len(data)] == data


def _selections(
    pieces: list[Piece], random: Random
) -> Iterator[tuple[str, tuple[Piece, ...]]]:
    count = len(pieces)
    yield "none", ()
    yield "all", tuple(pieces)
    for place in _some(count, random):
        yield "prefix", tuple(pieces[:place])
        yield "drop", (*pieces[:place], *pieces[place + 1 :])
        yield "only", (pieces[place],)
    for _ in range(min(SUBSETS, 2**count)):
        yield "subset", tuple(p for p in pieces if random.random() < 0.5)
    for _ in range(SHUFFLED if count > 1 else 0):
        yield "shuffled", tuple(random.sample(pieces, count))
    for _ in range(TORN if count else 0):
        yield "torn", tuple(_torn(pieces, random))


def _some(count: int, random: Random) -> Sequence[int]:
    if count <= SINGLES_MAX:
        return range(count)
    return sorted(random.sample(range(count), SINGLES_MAX))


def _torn(pieces: list[Piece], random: Random) -> Iterator[Piece]:
    """Yield pages, sectors of pages, or nothing of them."""
    for piece in pieces:
        fate = random.random()
        if fate < 0.4:
            yield piece
        elif fate < 0.8:
            sectors = _split(piece, SECTOR_SIZE_BYTES)
            yield from (sector for sector in sectors if random.random() < 0.5)


def _pages(piece: Piece) -> Iterator[Piece]:
    return _split(piece, PAGE_SIZE_BYTES)


def _split(piece: Piece, size_bytes: int) -> Iterator[Piece]:
    """Yield a piece cut at the multiples of a size."""
    offset, data = piece
    start = offset
    while start < offset + len(data):
        end = min((start // size_bytes + 1) * size_bytes, offset + len(data))
        yield start, data[start - offset : end - offset]
        start = end
