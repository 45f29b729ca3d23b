"""The first pass of the check: add up both copies of each fact, and count.

Each fact that two trees hold enters a sum with opposite signs, as the hash of the very
bytes that both of them hold. A million threads are three million rows, and decoding
them alone would take the time that the whole pass has.

Guarantees: one ordered scan of each tree, no lookup, the memory of one batch; a set
that differs from its copy leaves a sum over, but for a chance of 2**-64; what is not
as expected only makes the pass say so, the second one finds out.

Not here: the trees of runs, states, interactions and the log
(:mod:`weft.storage.check_sweep_work`).
"""

from heapq import merge
from typing import Final

from weft.storage.check_raw import (
    STRING_HEADS,
    are_same_ids,
    end_of_string,
)
from weft.storage.check_sweep_graph import GraphSweep
from weft.storage.check_sweep_work import packed_id
from weft.storage.codec import code_of
from weft.storage.records import Association, Session, Thread, Tombstone

__all__ = ["Sweep"]

_SESSION: Final = code_of(Session)
_THREAD: Final = code_of(Thread)
_TOMBSTONE: Final = code_of(Tombstone)
_ASSOCIATION: Final = code_of(Association)
_NAME: Final = code_of(str)
_MARKER: Final = code_of(bool)

_NIL, _TRUE, _STR8 = 0xC0, 0xC3, 0xD9
_UUID_CHARACTERS: Final = 36
_IDLE: Final = b"\xa4idle"
"""What follows the name of an idle thread."""
_OPEN, _CLOSED = b"\xa4open", b"\xa6closed"
_NOTHING: Final = b"\xc1"
"""What no value has where the facts begin: MessagePack never uses this byte."""


class Sweep(GraphSweep):
    """The first pass: adds up both copies of each fact, and counts."""

    def balances(self) -> bool:
        """Return whether no copy differs."""
        try:
            self._sessions()
            self._threads()
            self._runs()
            self._items()
            self._log()
        except IndexError:  # a value too short for its kind
            return False
        return not (self.odd or any(self.sums.values()))

    def _sessions(self) -> None:
        """Sweep sessions, their lists and their past.

        One loop, spelt out: a call for each of a million rows would cost a third.
        """
        interactions = self.owners("I")
        waiting = next(interactions, None)
        names = opened = 0
        odd, is_open = False, True
        packed = prefix = before = string = _NOTHING
        for batch in self.batches("S"):
            keys: list[bytes] = []
            strings: list[bytes] = []
            listed: list[bytes] = []
            for key, value in batch:
                code = value[0]
                if code == _NAME and is_open:
                    name = key.removeprefix(prefix)
                    head = STRING_HEADS[len(name)]
                    fact = b"".join((before, value[1:-4], string, head, name))
                    listed.append(fact)  # joined: 50 ns less than four sums
                elif code == _SESSION:
                    packed = key[:-1]
                    is_uuid = value[3] == _UUID_CHARACTERS and value[2] == _STR8
                    end = 40 if is_uuid else end_of_string(value, 2)
                    string = value[2:end]
                    keys.append(key)
                    strings.append(string)
                    prefix, before = packed + b"\x01", b"\x01" + packed
                    end = end + 1 if value[end] == _NIL else end_of_string(value, end)
                    is_open = value[end : end + 5] == _OPEN
                    opened += is_open
                    odd |= not is_open and not value.startswith(_CLOSED, end)
                    if packed == waiting:
                        waiting = next(interactions, None)
                else:
                    odd |= not self._is_past(key, value, packed)
            self.seen[Session] += len(keys)
            names += sum(map(hash, listed))
            odd |= not are_same_ids(keys, strings)
        self.odd |= odd or waiting is not None
        self.sums["names"] += names
        self.bump(self.recount.sessions, "open", opened)
        self.bump(self.recount.sessions, "closed", self.seen[Session] - opened)
        self.exhaust(interactions)

    def _is_past(self, key: bytes, value: bytes, packed: bytes) -> bool:
        """Add an entry of the past index, if it is one."""
        if value[0] != _MARKER or not key.startswith(packed + b"\x02"):
            return False
        self.sums["pasts"] += hash((packed, key[len(packed) + 1 :]))
        return True

    def _threads(self) -> None:
        """Sweep threads, their associations and their index of runs.

        One loop, spelt out, as for sessions. An active association must begin with
        the facts of the thread before it; the sum is over these and the key's session.
        There are as many of them as threads: a second one of a thread, which could
        stand in for another's, is one too many in the sum.
        """
        owners = merge(self.owners("X"), self.graphs())
        waiting = next(owners, None)
        names = idle = threads = alone = end = 0
        odd = False
        packed = facts = _NOTHING
        for batch in self.batches("T"):
            keys: list[bytes] = []
            strings: list[bytes] = []
            active: list[bytes] = []
            for key, value in batch:
                code = value[0]
                if (
                    code == _ASSOCIATION
                    and value[2:end] == facts  # 20 ns less than startswith
                    and value[end] == _TRUE
                ):
                    active.append(key.removeprefix(packed) + facts)
                elif code == _THREAD:
                    if value[3] == value[41] == _UUID_CHARACTERS:
                        middle, at = 40, 78
                    else:
                        middle = end_of_string(value, 2)
                        at = end_of_string(value, middle)
                    head = value[at]
                    end = at + head - 0x9F
                    if head == _STR8:
                        end = at + 2 + value[at + 1]
                    facts = value[2:end]
                    packed = key[:-1]
                    keys.append(key)
                    strings.append(value[2:middle])
                    if value[end : end + 5] == _IDLE and value[-6] == _NIL:
                        idle += 1
                    else:
                        self._thread(key, value)
                    while waiting is not None and packed == waiting:
                        waiting = next(owners, None)
                elif code == _TOMBSTONE:
                    packed, facts = key[:-1], _NOTHING
                    odd |= not self._is_tombstone(key, value)
                else:
                    is_live = facts is not _NOTHING
                    odd |= not self._is_other(key, value, packed, is_live=is_live)
            threads += len(keys)
            alone += len(keys) - len(active)
            names += sum(map(hash, active))
            odd |= not are_same_ids(keys, strings)
        self.odd |= odd or alone != 0 or waiting is not None
        self.seen[Association] += threads
        self.sums["names"] -= names
        self.bump(self.recount.threads, "idle", idle)
        self.exhaust(owners)

    def _thread(self, key: bytes, value: bytes) -> None:
        """Count a thread that is not idle."""
        thread = self.decoded("T", key, value)
        if not isinstance(thread, Thread):
            self.odd = True
            return
        self.bump(self.recount.threads, thread.status)
        if thread.run_id is not None:
            self.sums["busy"] -= hash((packed_id(thread.run_id), key[:-1]))

    def _is_tombstone(self, key: bytes, value: bytes) -> bool:
        """Count a removed thread, if it is one."""
        stone = self.decoded("T", key, value)
        self.seen[Tombstone] += 1
        return isinstance(stone, Tombstone) and (
            packed_id(stone.thread_id) + b"\0" == key
        )

    def _is_other(
        self, key: bytes, value: bytes, packed: bytes, *, is_live: bool
    ) -> bool:
        """Add an inactive association or a thread's run, if it is one."""
        rest = key[len(packed) + 1 :]
        row = self.decoded("T", key, value)
        if row is True:
            self.sums["runs"] -= hash((rest, packed))
            return is_live and key.startswith(packed + b"\x02")
        if not isinstance(row, Association) or row.is_active:
            return False
        before_us = self.expired_before_us
        self.odd |= bool(before_us) and row.updated_at_us < before_us
        self.seen[Association] += 1
        self.sums["pasts"] -= hash((rest, packed))
        return (
            key.startswith(packed + b"\x01")
            and packed_id(row.session_id) == rest
            and packed_id(row.thread_id) == packed
        )
