"""Where each record lies: typed keys for the rules, bytes for the trees.

The rules speak of ``thread_key("t-1")``; only this module knows trees and bytes.

Trees. A tree hit at random costs one 4 KiB page per operation and tree (measured:
24 KB written per operation over six index trees at a million threads, 12 KB here), so
what is hit at random is small and shares its leaf:

====  =====================================  =====================================
tree  key                                    value
====  =====================================  =====================================
S     session | 00                           Session
S     session | 01 | name                    thread id: unique name *and* index
S     session | 02 | thread                  the session once owned the thread
T     thread | 00                            Thread or Tombstone: owner by thread
T     thread | 01 | session                  Association
T     thread | 02 | run                      the run belongs to the thread
R     00 | run                               thread id: the run is in progress
R     01 | run                               Run
R     02 | thread | seq | run                the run waits for its turn
R     03 | run | step name                   StepResult
X     thread | step                          State
C     :mod:`weft.storage.keys_checkpoints`   what graphs leave
I     session | seq | position               Interaction
K     :mod:`weft.storage.keys_items`         Item
L     seq | position                         OperationRecord
O     op id                                  place in L
M     name                                   format, counters, notes
====  =====================================  =====================================

Composite keys only: LMDB's duplicate-sorted values are limited to 511 bytes and have
a history of defects. Packed ids are prefix-free, so a prefix is a range.
"""

from typing import Any, Final

from weft.storage.ids import ID_SIZE_BYTES_MAX, NAME_SIZE_BYTES_MAX, pack_id

__all__ = [
    "COUNTERS_KEY",
    "LOG_BITS",
    "SEQ_SIZE_BYTES",
    "TREES",
    "Key",
    "association_key",
    "head_key",
    "interaction_key",
    "live_run_key",
    "log_key",
    "log_place",
    "name_key",
    "note_key",
    "operation_key",
    "past_key",
    "place",
    "queued_run_key",
    "run_key",
    "session_key",
    "state_key",
    "step_key",
    "thread_key",
    "thread_run_key",
]

TREES: Final = ("S", "T", "R", "X", "C", "I", "K", "L", "O", "M")

Key = tuple[Any, ...]
"""A kind, its arguments, then the tree and the bytes it lies under: made once, used
for the look-up and for the put. A plain tuple: hashing one costs half a Struct's, and
the writer hashes some ten of them per operation."""

SESSION: Final = "session"
NAME: Final = "name"
PAST: Final = "past"
THREAD: Final = "thread"
ASSOCIATION: Final = "association"
THREAD_RUN: Final = "thread_run"
LIVE_RUN: Final = "live_run"
RUN: Final = "run"
QUEUED_RUN: Final = "queued_run"
STEP: Final = "step"
HEAD: Final = "head"
STATE: Final = "state"
INTERACTION: Final = "interaction"
OPERATION: Final = "operation"
LOG: Final = "log"
COUNTERS: Final = "counters"
NOTE: Final = "note"

NOWHERE: Final = ""
"""In place of a tree: the key is computed, not stored."""

COUNTERS_KEY: Final[Key] = (COUNTERS, "M", b"counters")
"""The one record of what the store holds."""

SEQ_SIZE_BYTES: Final = 8
"""Of an operation's number, wherever it stands in a key."""

LOG_BITS: Final = 40
"""Of a ``seq``, for the number within its log. There is one log, number 0, unless many
processes write one database: then each has its own. 1.1e12 operations fit in a log, and
8,192 logs below 2**53, up to which JavaScript counts exactly."""

KEY_SIZE_BYTES_MAX: Final = 511
"""LMDB's compiled-in limit (engine 0.9, mdb_env_get_maxkeysize)."""


def session_key(session_id: str) -> Key:
    """The session's record."""
    return (SESSION, session_id, "S", pack_id(session_id) + b"\x00")


def name_key(session_id: str, name: str) -> Key:
    """The id of the live thread that has this name in the session."""
    return (NAME, session_id, name, "S", pack_id(session_id) + b"\x01" + name.encode())


def past_key(session_id: str, thread_id: str) -> Key:
    """Whether the session once owned a thread that it does not own now."""
    raw = pack_id(session_id) + b"\x02" + pack_id(thread_id)
    return (PAST, session_id, thread_id, "S", raw)


def thread_key(thread_id: str) -> Key:
    """The thread's record, or its tombstone."""
    return (THREAD, thread_id, "T", pack_id(thread_id) + b"\x00")


def association_key(thread_id: str, session_id: str) -> Key:
    """The row of a thread and a session that owns or owned it."""
    raw = pack_id(thread_id) + b"\x01" + pack_id(session_id)
    return (ASSOCIATION, thread_id, session_id, "T", raw)


def thread_run_key(thread_id: str, run_id: str) -> Key:
    """Whether the run belongs to the thread."""
    raw = pack_id(thread_id) + b"\x02" + pack_id(run_id)
    return (THREAD_RUN, thread_id, run_id, "T", raw)


def live_run_key(run_id: str) -> Key:
    """The thread of a run that is in progress."""
    return (LIVE_RUN, run_id, "R", b"\x00" + pack_id(run_id))


def run_key(run_id: str) -> Key:
    """The run's record."""
    return (RUN, run_id, "R", b"\x01" + pack_id(run_id))


def queued_run_key(thread_id: str, seq: int, run_id: str) -> Key:
    """Whether the run waits for its turn on the thread, since an operation."""
    raw = b"\x02" + pack_id(thread_id) + seq.to_bytes(SEQ_SIZE_BYTES) + pack_id(run_id)
    return (QUEUED_RUN, thread_id, seq, run_id, "R", raw)


def step_key(run_id: str, name: str) -> Key:
    """What a step of the run came to."""
    return (STEP, run_id, name, "R", b"\x03" + pack_id(run_id) + name.encode())


def head_key(thread_id: str) -> Key:
    """Where the thread's last state stands: no place of its own, the end of a range."""
    return (HEAD, thread_id, NOWHERE, b"")


def state_key(thread_id: str, step: int) -> Key:
    """One state of the thread."""
    return (STATE, thread_id, step, "X", pack_id(thread_id) + step.to_bytes(8, "big"))


def interaction_key(session_id: str, seq: int, position: int) -> Key:
    """One interaction, in the order of the log."""
    raw = pack_id(session_id) + log_place(seq, position)
    return (INTERACTION, session_id, seq, position, "I", raw)


def operation_key(op_id: str) -> Key:
    """Where the log holds the operation of this idempotency key."""
    return (OPERATION, op_id, "O", pack_id(op_id))


def note_key(name: str) -> Key:
    """A note of the store's own about itself, such as how far an import has come."""
    return (NOTE, name, "M", b"note " + name.encode())


def log_key(place: bytes) -> Key:
    """An entry of the operation log."""
    return (LOG, place, "L", place)


def log_place(seq: int, position: int = 0) -> bytes:
    """The log's key: applied operations at position 0, refusals after them.

    A refusal takes no ``seq``, yet has its place in the order of the log.
    """
    return seq.to_bytes(8, "big") + position.to_bytes(8, "big")


def place(key: Key) -> tuple[str, bytes]:
    """Return the tree and the bytes of a key.

    Raises:
        KeyError: the key has no place of its own (a head).
    """
    tree, raw = key[-2:]
    if tree is NOWHERE:
        raise KeyError(key)
    return tree, raw


_PACKED_ID_SIZE_BYTES_MAX: Final = ID_SIZE_BYTES_MAX + 2
assert _PACKED_ID_SIZE_BYTES_MAX + 1 + NAME_SIZE_BYTES_MAX <= KEY_SIZE_BYTES_MAX  # noqa: S101
assert 2 * _PACKED_ID_SIZE_BYTES_MAX + 1 <= KEY_SIZE_BYTES_MAX  # noqa: S101
assert _PACKED_ID_SIZE_BYTES_MAX + 16 <= KEY_SIZE_BYTES_MAX  # noqa: S101
