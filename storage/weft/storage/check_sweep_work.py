"""The first pass over what threads and sessions left: runs, states, talk, the log.

Same rules as :mod:`weft.storage.check_sweep`, whose base this is: sums of what two
trees hold, no lookup.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise, repeat
from typing import Any, Final

from weft.storage.check_raw import (
    batches,
    end_of_string,
    is_sound,
    pack_text,
    packed_uuids,
    text_of,
)
from weft.storage.check_scan import Counting, follows
from weft.storage.codec import code_of, decode
from weft.storage.errors import StoreCorrupt
from weft.storage.keys import queued_run_key, step_key
from weft.storage.keys_items import item_key
from weft.storage.records import (
    Association,
    Counters,
    Interaction,
    OperationRecord,
    Run,
    State,
    StepResult,
    Thread,
    Tombstone,
)
from weft.storage.records_items import Item
from weft.storage.snapshot import Snapshot

__all__ = ["WorkSweep", "packed_id"]

_STEP_SIZE_BYTES, _PLACE_SIZE_BYTES = 8, 16
_OPERATION: Final = code_of(OperationRecord)
_PLACE_HEAD: Final = bytes([code_of(bytes), 0xC4, _PLACE_SIZE_BYTES])
"""What a place begins with as a value: its kind, and that of MessagePack's bytes."""
_MARKER: Final = code_of(bool)
_UUID_CHARACTERS: Final = 36

_Batch = Sequence[tuple[bytes, bytes]]


class WorkSweep:
    """Scans trees in batches and adds up.

    Args:
        snapshot: the moment.
        progress: told of each batch.
        expired_before_us: an inactive association older than this is odd.

    Attributes:
        recount: what the store holds, counted one by one.
        seen: entries by kind of record.
        odd: something is not as expected.
        sums: of the facts that two trees hold, with opposite signs.
    """

    def __init__(
        self, snapshot: Snapshot, progress: Counting, expired_before_us: int = 0
    ) -> None:
        self.expired_before_us = expired_before_us
        self.recount = Counters()
        self.seen: Counter[type] = Counter()
        self.odd = False
        self.sums: Counter[str] = Counter()
        self._snapshot = snapshot
        self._progress = progress

    def batches(self, tree: str, prefix: bytes = b"") -> Iterator[_Batch]:
        """Yield the sound batches of a tree; another one is odd."""
        for batch in batches(self._snapshot, tree, prefix):
            self._progress.add(len(batch))
            if is_sound(tree, batch):
                yield batch
            else:
                self.odd = True

    def bump(self, counts: dict[str, int], status: str, by: int = 1) -> None:
        """Count records of a status; there is no entry for none."""
        if by:
            counts[status] = counts.get(status, 0) + by

    def owners(self, tree: str) -> Iterator[bytes]:
        """Yield each packed id that states or interactions lie under, once, in order.

        Whoever has these ids in the same order can tell whether they know them all.
        """
        size = _STEP_SIZE_BYTES if tree == "X" else _PLACE_SIZE_BYTES
        owner = b""
        for batch in self.batches(tree):
            for key, value in batch:
                if not key.startswith(owner) or len(key) != len(owner) + size:
                    owner = key[:-size]
                    yield owner
                self._owned(tree, key, value, owner)

    def _owned(self, tree: str, key: bytes, value: bytes, owner: bytes) -> None:
        record = self.decoded(tree, key, value)
        if isinstance(record, State):
            right = packed_id(record.thread_id) == owner
            right &= record.step == int.from_bytes(key[-_STEP_SIZE_BYTES:])
        elif isinstance(record, Interaction):
            right = packed_id(record.session_id) == owner
        else:
            right = False
        self.odd |= not right
        self.seen[type(record)] += 1

    def decoded(self, tree: str, key: bytes, value: bytes) -> Any:
        """Return the value, None if it is none."""
        try:
            return decode(tree, key, value)
        except StoreCorrupt:
            return None

    def exhaust(self, owners: Iterator[bytes]) -> None:
        """Read the rest: somebody in it is unknown, yet all are counted."""
        for _ in owners:
            self.odd = True

    def _runs(self) -> None:
        stepping = self._stepping()
        waiting = next(stepping, None)
        for batch in self.batches("R", b"\x01"):
            for key, value in batch:
                run = self.decoded("R", key, value)
                if not isinstance(run, Run) or packed_id(run.run_id) != key[1:]:
                    self.odd = True
                    continue
                self._run(key[1:], run)
                if key[1:] == waiting:
                    self.odd |= not run.is_in_progress
                    waiting = next(stepping, None)
        self.odd |= waiting is not None
        self.exhaust(stepping)
        for batch in self.batches("R", b"\x00"):
            for key, value in batch:
                thread_id = self.decoded("R", key, value)
                if isinstance(thread_id, str):
                    self.sums["live"] -= hash((key[1:], packed_id(thread_id)))
                else:
                    self.odd = True
        for batch in self.batches("R", b"\x02"):
            self.odd |= any(value[0] != _MARKER for _, value in batch)
            self.sums["queue"] -= sum(hash(key) for key, _ in batch)

    def _stepping(self) -> Iterator[bytes]:
        """Yield each packed id of a run with steps, once, in order."""
        owner = b""
        for batch in self.batches("R", b"\x03"):
            for key, value in batch:
                step = self.decoded("R", key, value)
                if not isinstance(step, StepResult):
                    self.odd = True
                    continue
                self.odd |= step_key(step.run_id, step.name)[-1] != key
                if (packed := packed_id(step.run_id)) != owner:
                    owner = packed
                    yield owner

    def _run(self, packed: bytes, run: Run) -> None:
        fact = hash((packed, packed_id(run.thread_id)))
        self.sums["runs"] += fact
        if run.is_in_progress:
            self.sums["live"] += fact
            self.sums["busy"] += fact
        elif run.is_queued:
            key = queued_run_key(run.thread_id, run.created_seq, run.run_id)
            self.sums["queue"] += hash(key[-1])
        self.seen[Run] += 1
        self.bump(self.recount.runs, run.status)

    def _items(self) -> None:
        """Sweep the items: nothing leans on them, each is to be that of its key."""
        for batch in self.batches("K"):
            self.recount.items += len(batch)
            for key, value in batch:
                item = self.decoded("K", key, value)
                if isinstance(item, Item):
                    self.odd |= item_key(item.namespace, item.key)[-1] != key
                else:
                    self.odd = True

    def _log(self) -> None:
        """Sweep the log and its index."""
        entered, last = 0, b""
        for batch in self.batches("L"):
            self.odd |= not _is_gapless(last, [key for key, _ in batch])
            last = batch[-1][0]
            self.odd |= {value[0] for _, value in batch} != {_OPERATION}
            ids = packed_uuids([value[2:40] for _, value in batch])
            if ids is None:
                ids = [_packed_string(value) for _, value in batch]
            places = [key for key, _ in batch]
            facts = zip(ids, repeat(_PLACE_HEAD), places, strict=False)
            entered += sum(map(hash, map(b"".join, facts)))
            self.seen[OperationRecord] += len(batch)
        self.sums["log"] += entered - self._index_of_log()
        self._count()

    def _index_of_log(self) -> int:
        return sum(
            sum([hash(key + value[:-4]) for key, value in batch])  # half a loop's time
            for batch in self.batches("O")
        )

    def _count(self) -> None:
        recount, seen = self.recount, self.seen
        recount.states, recount.interactions = seen[State], seen[Interaction]
        recount.associations, recount.tombstones = seen[Association], seen[Tombstone]
        seen[Thread] = sum(recount.threads.values())


def _packed_string(value: bytes) -> bytes:
    """Return as keys hold it the id that a record begins with."""
    text = text_of(value[2 : end_of_string(value, 2)])
    is_other = len(text) != _UUID_CHARACTERS  # nearly always: a third of the time
    return b"\x02" + text + b"\0" if is_other else pack_text(text)


def packed_id(value: str) -> bytes:
    """Return an id as keys hold it, without remembering it."""
    return pack_text(value.encode())


def _is_gapless(last: bytes, keys: Sequence[bytes]) -> bool:
    """Return whether places of the log, which are in order, are consecutive."""
    if {*map(len, keys)} != {_PLACE_SIZE_BYTES}:
        return False
    places, first_seq = b"".join(keys), int.from_bytes(keys[0][:8])
    if int.from_bytes(keys[-1][:8]) - first_seq == len(keys) - 1 and not any(
        places[at::_PLACE_SIZE_BYTES] != bytes(len(keys))
        for at in range(8, _PLACE_SIZE_BYTES)
    ):  # one each and no refusal among them: nearly always
        return not last or follows(last, keys[0])
    return all(follows(*pair) for pair in pairwise([last, *keys] if last else keys))
