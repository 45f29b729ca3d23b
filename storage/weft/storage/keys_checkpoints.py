"""Where a thread's checkpoints lie: one tree, a thread's entries side by side.

====  ==============================================  ===========================
tree  key                                             value
====  ==============================================  ===========================
C     thread | 00 | namespace | checkpoint            Checkpoint
C     thread | 01 | namespace | checkpoint            PendingWrite
      | task | index
C     thread | 02 | namespace | number | channel      ChannelValue
C     thread | 03                                     id of the run that writes
C     thread | 04 | run                               the run wrote to the thread;
                                                      whether the next line has it
C     00 | run | thread                               the thread may have checkpoints
                                                      of the run
====  ==============================================  ===========================

Namespaces and channels have names of any length; in a key stands the 16-byte digest.
The number that a channel's version begins with comes before it, so that the values of
a growing thread are appended, and the checkpoints, whose ids grow with time, as well.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec

from weft.storage.checkpoints import (
    ChannelValue,
    Checkpoint,
    GraphRecord,
    PendingWrite,
    Version,
)
from weft.storage.ids import pack_id, unpack_id
from weft.storage.keys import Key

__all__ = [
    "CHANNEL",
    "CHECKPOINT",
    "PENDING_WRITE",
    "RUN_THREADS",
    "WRITER",
    "WRITER_RUN",
    "belongs",
    "channel_key",
    "checkpoint_key",
    "entry_key",
    "key_of",
    "moved",
    "namespace_prefix",
    "pending_write_key",
    "run_of",
    "run_prefix",
    "run_thread_key",
    "writer_key",
    "writer_run_key",
    "writes_prefix",
]

CHECKPOINT: Final = "checkpoint"
PENDING_WRITE: Final = "pending_write"
CHANNEL: Final = "channel"
WRITER: Final = "writer"
WRITER_RUN: Final = "writer_run"
RUN_THREAD: Final = "run_thread"

_KINDS: Final = (CHECKPOINT, PENDING_WRITE, CHANNEL, WRITER, WRITER_RUN)
"""By the byte behind the thread."""

RUN_THREADS: Final = b"\x00"
"""What the keys of the index by run begin with."""

_TREE: Final = "C"
_WRITES, _WROTE = b"\x03", b"\x04"
_DIGEST_SIZE_BYTES: Final = 16
_INDEX_BIAS: Final = 1 << 31
_NUMBER_MAX: Final = (1 << 64) - 1

_encode: Final = msgspec.msgpack.Encoder().encode


@lru_cache(maxsize=4096)
def _digest(text: str) -> bytes:
    data = text.encode(errors="surrogatepass")
    return blake2b(data, digest_size=_DIGEST_SIZE_BYTES).digest()


def _number(version: Version) -> bytes:
    """Return what a version begins with, in eight bytes."""
    try:
        number = int(str(version).partition(".")[0])
    except ValueError:
        number = 0
    return min(max(number, 0), _NUMBER_MAX).to_bytes(8, "big")


def entry_key(thread_id: str, raw: bytes) -> Key:
    """The typed key of an entry of a thread, from its bytes."""
    return (_KINDS[raw[len(pack_id(thread_id))]], thread_id, _TREE, raw)


def namespace_prefix(thread_id: str, checkpoint_ns: str | None = None) -> bytes:
    """What the keys of a thread's checkpoints begin with, in one namespace or all."""
    prefix = pack_id(thread_id) + b"\x00"
    return prefix if checkpoint_ns is None else prefix + _digest(checkpoint_ns)


def checkpoint_key(thread_id: str, checkpoint_ns: str, checkpoint_id: str) -> Key:
    """A checkpoint."""
    raw = namespace_prefix(thread_id, checkpoint_ns) + pack_id(checkpoint_id)
    return (CHECKPOINT, thread_id, _TREE, raw)


def writes_prefix(thread_id: str, checkpoint_ns: str, checkpoint_id: str) -> bytes:
    """What the keys of a checkpoint's pending writes begin with."""
    place = _digest(checkpoint_ns) + pack_id(checkpoint_id)
    return pack_id(thread_id) + b"\x01" + place


def pending_write_key(
    thread_id: str, checkpoint_ns: str, checkpoint_id: str, task_id: str, index: int
) -> Key:
    """A task's write."""
    raw = writes_prefix(thread_id, checkpoint_ns, checkpoint_id)
    raw += pack_id(task_id) + (index + _INDEX_BIAS).to_bytes(4, "big")
    return (PENDING_WRITE, thread_id, _TREE, raw)


def channel_key(
    thread_id: str, checkpoint_ns: str, channel: str, version: Version
) -> Key:
    """One version of a channel's value."""
    name = blake2b(_encode((channel, version)), digest_size=_DIGEST_SIZE_BYTES)
    place = _digest(checkpoint_ns) + _number(version) + name.digest()
    return (CHANNEL, thread_id, _TREE, pack_id(thread_id) + b"\x02" + place)


def writer_key(thread_id: str) -> Key:
    """The run that writes the thread's checkpoints at present."""
    return (WRITER, thread_id, _TREE, pack_id(thread_id) + _WRITES)


def writer_run_key(thread_id: str, run_id: str) -> Key:
    """Whether the run has ever written checkpoints of the thread."""
    raw = pack_id(thread_id) + _WROTE + pack_id(run_id)
    return (WRITER_RUN, thread_id, _TREE, raw)


def run_prefix(run_id: str) -> bytes:
    """What the entries of all threads begin with that a run wrote to."""
    return RUN_THREADS + pack_id(run_id)


def run_thread_key(run_id: str, thread_id: str) -> Key:
    """Whether the thread has checkpoints of the run."""
    return (RUN_THREAD, run_id, _TREE, run_prefix(run_id) + pack_id(thread_id))


def run_of(thread_id: str, raw: bytes) -> str | None:
    """Return the run that an entry of a thread names, None if it names none."""
    end = len(pack_id(thread_id))
    return unpack_id(raw, end + 1)[0] if raw[end : end + 1] == _WROTE else None


def key_of(record: GraphRecord) -> Key:
    """Return where a record lies."""
    place = record.thread_id, record.checkpoint_ns
    match record:
        case Checkpoint():
            return checkpoint_key(*place, record.checkpoint_id)
        case PendingWrite():
            return pending_write_key(
                *place, record.checkpoint_id, record.task_id, record.index
            )
        case ChannelValue():
            return channel_key(*place, record.channel, record.version)


def belongs(raw: bytes, value: object) -> bool:
    """Return whether a value is what has to lie under the bytes of a key."""
    if isinstance(value, GraphRecord):
        return bool(key_of(value)[-1] == raw)
    is_index = raw.startswith(RUN_THREADS)
    try:
        _, end = unpack_id(raw, int(is_index))
        if isinstance(value, str):
            return not is_index and raw[end:] == _WRITES
        if raw[end : end + 1] == _WROTE and not is_index:
            end += 1
        elif not is_index:
            return False
        return isinstance(value, bool) and unpack_id(raw, end)[1] == len(raw)
    except ValueError:
        return False


def moved(key: Key, thread_id: str) -> Key:
    """Return the key that an entry has in another thread."""
    kind, owner, tree, raw = key
    return (kind, thread_id, tree, pack_id(thread_id) + raw[len(pack_id(owner)) :])
