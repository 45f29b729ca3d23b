"""Which entries need a closer look: judged by their bytes, with look-ups.

Nearly every entry of a store is right, and that can be seen without decoding it: the
record that a list's entry leads to begins with the very bytes that the entry predicts.
What is not seen to be right goes to the second pass in segments, decoded, and is named
there; that costs 15 us an entry, this 2.

Guarantees: an entry that is let through agrees with every copy of it; one that is
only unusual (a busy thread, a past owner) is given on, which is slower and no finding.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, ParamSpec

from weft.storage.check_examine import Examiner, Part
from weft.storage.check_raw import (
    BATCH_ENTRIES,
    STRING_HEADS,
    end_of_string,
    is_packed,
    is_sound,
    pack_text,
    text_of,
)
from weft.storage.check_scan import follows
from weft.storage.codec import code_of
from weft.storage.records import Association, OperationRecord, Session, Thread

__all__ = ["examine_part"]

_SESSION: Final = code_of(Session)
_THREAD: Final = code_of(Thread)
_ASSOCIATION: Final = code_of(Association)
_NAME: Final = code_of(str)
_OPERATION: Final = code_of(OperationRecord)

_NIL, _TRUE = 0xC0, 0xC3
_OPEN: Final = b"\xa4open"
_IDLE: Final = b"\xa4idle"
_UUID_SIZE_BYTES: Final = 17

_Item = tuple[bytes, bytes]
P = ParamSpec("P")


def examine_part(
    examiner: Examiner, part: Part, items: Iterable[_Item]
) -> tuple[int, bytes]:
    """Have an examiner look at what is not seen to be right.

    Args:
        examiner: names what is wrong; counts what it was not given as well.
        part: where the entries are from.
        items: as they lie there, in order.

    Returns:
        how many entries there were, and the last key.
    """
    quick = _Quick(examiner)
    segments = {
        "S": quick.sessions,
        "T": quick.threads,
        "L": quick.log,
        "O": quick.index,
    }.get(part.name, _everything)
    counted = _Counted(items)
    for segment in segments(counted):
        entries = examiner.decoded(part.tree, part.at, segment)
        examiner.examine(part, list(entries) if part.name == "T" else entries)
    return counted.number, counted.last


def _holds(judge: Callable[P, bool], *args: P.args, **kwargs: P.kwargs) -> bool:
    """Return what a judgement says; a value too short for its kind is not right."""
    try:
        return judge(*args, **kwargs)
    except IndexError:
        return False


class _Counted:
    """Entries on their way, with their number and the last key."""

    def __init__(self, items: Iterable[_Item]) -> None:
        self._items = items
        self.number = 0
        self.last = b""

    def __iter__(self) -> Iterator[_Item]:
        for item in self._items:
            self.number += 1
            self.last = item[0]
            yield item


def _everything(items: Iterable[_Item]) -> Iterator[Iterable[_Item]]:
    yield items


class _Quick:
    """Lets through what is right."""

    def __init__(self, examiner: Examiner) -> None:
        self._examiner = examiner
        self._snapshot = examiner.snapshot
        self._prefix = self._facts = b"\xc1"  # of the session at hand

    def sessions(self, items: Iterable[_Item]) -> Iterator[Iterable[_Item]]:
        """Yield the entries of sessions that need a closer look."""
        stream = iter(items)
        while batch := list(islice(stream, BATCH_ENTRIES)):
            sound = is_sound("S", batch)
            for item in batch:
                if not (sound and _holds(self._is_listed, *item)):
                    yield [item]

    def _is_listed(self, key: bytes, value: bytes) -> bool:
        if value[0] == _SESSION:
            return self._is_session(key, value)
        if value[0] != _NAME or not self._enter(key):
            return False
        name = key[len(self._prefix) :]
        place = pack_text(text_of(value[1:-4])) + b"\0"
        thread = self._snapshot.raw("T", place)
        wanted = value[1:-4] + self._facts + STRING_HEADS[len(name)] + name
        if (
            thread is None
            or thread[0] != _THREAD
            or not thread.startswith(wanted, 2)
            or not is_sound("T", [(place, thread)])  # or nobody would tell whose it is
        ):
            return False
        self._examiner.seen[str] += 1
        return True

    def _is_session(self, key: bytes, value: bytes) -> bool:
        """Judge an open session, and remember it for its list."""
        end = end_of_string(value, 2)
        string = value[2:end]
        at = end + 1 if value[end] == _NIL else end_of_string(value, end)
        if not value.startswith(_OPEN, at) or not is_packed(key[:-1], string):
            return False
        self._prefix, self._facts = key[:-1] + b"\x01", string
        self._examiner.seen[Session] += 1
        self._examiner.statuses[Session, "open"] += 1
        return True

    def _enter(self, key: bytes) -> bool:
        """Find the session of a list's entry, which may stand in another chunk."""
        if key.startswith(self._prefix):
            return True
        end = _UUID_SIZE_BYTES if key[0] == 1 else key.find(0) + 1
        value = self._snapshot.raw("S", key[:end] + b"\0")
        if value is None or key[end : end + 1] != b"\x01":
            return False
        seen, statuses = self._examiner.seen.copy(), self._examiner.statuses.copy()
        is_open = self._is_session(key[:end] + b"\0", value)
        self._examiner.seen, self._examiner.statuses = seen, statuses
        return is_open

    def threads(self, items: Iterable[_Item]) -> Iterator[Iterable[_Item]]:
        """Yield the entries of threads that need a closer look, each's together."""
        group: list[_Item] = []
        owner = b"\xff"
        for item in items:
            key = item[0]
            if not key.startswith(owner):
                if group and not _holds(self._is_owned, group):
                    yield group
                group, owner = [], key[: self._end_of_id(key)]
            group.append(item)
        if group and not _holds(self._is_owned, group):
            yield group

    def _end_of_id(self, key: bytes) -> int:
        return _UUID_SIZE_BYTES if key[0] == 1 else key.find(0) + 1 or len(key)

    def _is_owned(self, group: list[_Item]) -> bool:
        """Judge an idle thread with its one association."""
        if len(group) != 2 or not is_sound("T", group):  # noqa: PLR2004 - record and row
            return False
        (key, value), (row_key, row) = group
        if value[0] != _THREAD or row[0] != _ASSOCIATION:
            return False
        middle = end_of_string(value, 2)
        name_at = end_of_string(value, middle)
        end = end_of_string(value, name_at)
        string, session = value[2:middle], value[middle:name_at]
        packed = pack_text(text_of(session))
        name = text_of(value[name_at:end])
        entry = self._snapshot.raw("S", packed + b"\x01" + name)
        right = (
            value.startswith(_IDLE, end)
            and value[-6] == _NIL
            and row.startswith(value[2:end], 2)
            and row[end] == _TRUE
            and row_key == key[:-1] + b"\x01" + packed
            and is_packed(key[:-1], string)
            and entry is not None
            and entry[1:-4] == string
        )
        if right:
            self._examiner.seen.update((Thread, Association))
            self._examiner.statuses[Thread, "idle"] += 1
        return right

    def log(self, items: Iterable[_Item]) -> Iterator[Iterable[_Item]]:
        """Yield stretches of the log that need a closer look, with what is before."""
        stream, before = iter(items), list[_Item]()
        while batch := list(islice(stream, BATCH_ENTRIES)):
            last = before[0][0] if before else None
            if is_sound("L", batch) and _holds(self._is_in_index, last, batch):
                self._examiner.seen[OperationRecord] += len(batch)
            else:
                yield before + batch
                self._examiner.seen[OperationRecord] -= len(before)
            before = batch[-1:]

    def _is_in_index(self, last: bytes | None, batch: list[_Item]) -> bool:
        for key, value in batch:
            if (last is not None and not follows(last, key)) or value[0] != _OPERATION:
                return False
            last = key
            packed = pack_text(text_of(value[2 : end_of_string(value, 2)]))
            entry = self._snapshot.raw("O", packed)
            if entry is None or entry[3:-4] != key:
                return False
        return True

    def index(self, items: Iterable[_Item]) -> Iterator[Iterable[_Item]]:
        """Yield the entries of the log's index that need a closer look."""
        stream = iter(items)
        while batch := list(islice(stream, BATCH_ENTRIES)):
            sound = is_sound("O", batch)
            for item in batch:
                if not (sound and _holds(self._leads_to_the_log, *item)):
                    yield [item]

    def _leads_to_the_log(self, key: bytes, value: bytes) -> bool:
        record = self._snapshot.raw("L", value[3:-4]) if value[3:-4] else None
        if record is None or record[0] != _OPERATION:
            return False
        return pack_text(text_of(record[2 : end_of_string(record, 2)])) == key
