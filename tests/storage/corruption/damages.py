"""Ways in which a file comes to hold something else than was written.

A :class:`History` is a store and what its file was at earlier times; a damage takes it
and chance, and returns the bytes that the disk gives back instead.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from tests.storage.client import Client
from weft.storage import LmdbStore
from weft.storage import operations as op
from weft.storage.mark import Mark
from weft.storage.meta_page import PAGE_SIZE_BYTES as PAGE

SESSIONS: Final = 40
STEPS: Final = 600
KEPT_EVERY: Final = 5

PATTERN: Final = {"big": "y" * 9000}
"""A value that takes pages of its own."""


class History(msgspec.Struct, frozen=True):
    """A store as it is, and its file as it was.

    Attributes:
        image: the file.
        earlier: the file at earlier times, each with another `seq`.
        mark: the mark of the store, closed.
    """

    image: bytes
    earlier: list[bytes]
    mark: Mark

    @property
    def pages(self) -> int:
        """How many pages the file has."""
        return len(self.image) // PAGE


def make_history(directory: Path, seed: int) -> History:
    """Make a store with a past in a directory: sessions, threads, states, runs."""
    random = Random(seed)
    store = LmdbStore(directory, sync=False)
    file, earlier = directory / "store" / "data.mdb", []
    client = Client(store)
    client.group(*[op.CreateSession(session_id=f"s{n}") for n in range(SESSIONS)])
    for step in range(STEPS):
        client.group(*[one(step, random) for one in _STEPS])
        if step % KEPT_EVERY == 0:
            earlier.append(file.read_bytes())
    store.close()
    mark = Mark.read(directory)
    assert mark is not None
    return History(file.read_bytes(), earlier, mark)


def _create(step: int, random: Random) -> op.Operation:
    new = op.NewThread(f"t{step}", f"n{step}")
    session_id = f"s{random.randrange(SESSIONS)}"
    return op.CreateThreads(session_id=session_id, threads=(new,))


def _update(step: int, random: Random) -> op.Operation:
    metadata = op.encode_value({"step": step, "pad": "z" * 50})
    session_id = f"s{random.randrange(SESSIONS)}"
    return op.UpdateSession(session_id=session_id, metadata=metadata)


def _transfer(step: int, random: Random) -> op.Operation:
    thread_id = f"t{random.randrange(step + 1)}"
    to = f"s{random.randrange(SESSIONS)}"
    return op.TransferThreads(thread_ids=(thread_id,), to_session_id=to)


def _append(step: int, random: Random) -> op.Operation:
    values = PATTERN if step % 100 == 0 else {"n": step}
    thread_id = f"t{random.randrange(step + 1)}"
    return op.AppendState(
        thread_id=thread_id, state_id=f"x{step}", values=op.encode_value(values)
    )


def _start(step: int, random: Random) -> op.Operation:
    return op.StartRun(thread_id=f"t{random.randrange(step + 1)}", run_id=f"r{step}")


_STEPS: Final = (_create, _update, _transfer, _append, _start)

Damage = Callable[[History, Random], bytes]


def _page(history: History, random: Random) -> int:
    return random.randrange(history.pages)


def _with(image: bytes, offset: int, data: bytes) -> bytes:
    return image[:offset] + data + image[offset + len(data) :]


def zeroed_page(history: History, random: Random) -> bytes:
    """A page that reads as zeros."""
    return _with(history.image, _page(history, random) * PAGE, bytes(PAGE))


def half_page(history: History, random: Random) -> bytes:
    """A page of which the second half was not written."""
    at = _page(history, random) * PAGE + PAGE // 2
    return _with(history.image, at, bytes(PAGE // 2))


def garbage_sector(history: History, random: Random) -> bytes:
    """A sector of 512 bytes that holds anything."""
    at = _page(history, random) * PAGE + 512 * random.randrange(PAGE // 512)
    return _with(history.image, at, random.randbytes(512))


def flipped_bit(history: History, random: Random) -> bytes:
    """One bit the other way round."""
    at = random.randrange(len(history.image))
    return _with(
        history.image, at, bytes([history.image[at] ^ 1 << random.randrange(8)])
    )


def misdirected_page(history: History, random: Random) -> bytes:
    """A page that holds what belongs on another."""
    source = _page(history, random) * PAGE
    data = history.image[source : source + PAGE]
    return _with(history.image, _page(history, random) * PAGE, data)


def lost_write(history: History, random: Random) -> bytes:
    """A page as it was before: the disk acknowledged the write and did not do it."""
    before = random.choice(history.earlier)
    changed = [
        at
        for at in range(2 * PAGE, len(before), PAGE)
        if before[at : at + PAGE] != history.image[at : at + PAGE]
    ]
    at = random.choice(changed)
    return _with(history.image, at, before[at : at + PAGE])


def flipped_meta_bit(history: History, random: Random) -> bytes:
    """One bit of a meta page, where every one counts (152 bytes of each page)."""
    at = random.randrange(2) * PAGE + random.randrange(152)
    return _with(
        history.image, at, bytes([history.image[at] ^ 1 << random.randrange(8)])
    )


def lost_meta(history: History, random: Random) -> bytes:
    """A meta page that reads as zeros."""
    return _with(history.image, random.randrange(2) * PAGE, bytes(PAGE))


def stale_meta(history: History, random: Random) -> bytes:
    """A meta page as it was some transactions ago."""
    at = random.randrange(2) * PAGE
    return _with(history.image, at, random.choice(history.earlier)[at : at + PAGE])


def truncated(history: History, random: Random) -> bytes:
    """A file that ends early, on a page or not."""
    return history.image[: random.randrange(len(history.image))]


def older_file(history: History, random: Random) -> bytes:
    """The file as it was some time ago."""
    return random.choice(history.earlier)


DAMAGES: Final[tuple[Damage, ...]] = (
    zeroed_page,
    half_page,
    garbage_sector,
    flipped_bit,
    misdirected_page,
    lost_write,
    flipped_meta_bit,
    lost_meta,
    stale_meta,
    truncated,
    older_file,
)
