"""A large store, made in seconds: ``python -m bench.million --data DIR``.

What the rules would have written for one ``CreateThreads(create_session=True)`` per
session, put through the engine in large transactions. Measurements of checks, opening
and backups need such a store, and making it by operations takes minutes.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from weft.storage import LmdbStore
from weft.storage.codec import encode
from weft.storage.keys import (
    COUNTERS_KEY,
    Key,
    association_key,
    log_key,
    log_place,
    name_key,
    operation_key,
    session_key,
    thread_key,
)
from weft.storage.lmdb import LmdbEngine
from weft.storage.operations import encode_mapping
from weft.storage.records import (
    EMPTY,
    NIL,
    Association,
    Counters,
    OperationRecord,
    Session,
    Thread,
)

__all__ = ["THREADS", "load"]

THREADS: Final = 1_000_000

SESSIONS_PER_TRANSACTION: Final = 30_000

START_US: Final = 1_767_225_600_000_000
"""2026-01-01: nothing of the store depends on when it was made."""

_CONFIG: Final = encode_mapping({"model": "small", "retries": 3}, "config")
_METADATA: Final = encode_mapping({"labels": ["nightly"], "priority": 2}, "metadata")


def load(directory: Path, threads: int = THREADS, *, text_ids: bool = False) -> None:
    """Make a store of three or four threads in each session; a session in ten is rich.

    Args:
        directory: an empty data directory; made if it is missing.
        threads: how many, ten for each three sessions.
        text_ids: ids as people choose them, not generated ones.
    """
    LmdbStore(directory).close()
    engine = LmdbEngine(directory / "store", sync=False)
    sessions = threads * 3 // 10
    for first in range(0, sessions, SESSIONS_PER_TRANSACTION):
        last = min(sessions, first + SESSIONS_PER_TRANSACTION)
        _put(engine, first, last, text_ids=text_ids)
    held = Counters({"open": sessions}, {"idle": threads}, associations=threads)
    _put_all(engine, [(COUNTERS_KEY, held)])
    engine.close()


def _put(engine: LmdbEngine, first: int, last: int, *, text_ids: bool) -> None:
    pairs = (
        pair
        for number in range(first, last)
        for pair in _session(number, text_ids=text_ids)
    )
    _put_all(engine, pairs)


def _put_all(engine: LmdbEngine, pairs: Any) -> None:
    puts: defaultdict[str, list[tuple[bytes, bytes]]] = defaultdict(list)
    for key, value in pairs:
        tree, raw = key[-2:]
        puts[tree].append((raw, encode(tree, raw, value)))
    with engine.write() as transaction:
        for tree, items in puts.items():
            items.sort()
            transaction.put_many(tree, items)


def _id(kind: str, number: int, *, text: bool) -> str:
    """Return a time-ordered UUIDv7, or an id as a person would choose it."""
    if text:
        return f"{kind}-{number:07d}"
    head, scattered = START_US // 1000 + number, number * 0x9E3779B97F4A7C15
    text_ms, tail = f"{head:012x}", f"{scattered & (1 << 64) - 1:016x}"
    return f"{text_ms[:8]}-{text_ms[8:]}-7{tail[:3]}-8{tail[3:6]}-{tail[4:16]}"


def _session(number: int, *, text_ids: bool) -> Iterator[tuple[Key, Any]]:
    at_us, seq = START_US + 1000 * number, number + 1
    session_id = _id("session", number, text=text_ids)
    session = Session(session_id, "user", "open", EMPTY, at_us, at_us, 1, seq, seq)
    yield session_key(session_id), session
    made = []
    first = number * 3 + (number + 2) // 3
    for place in range(3 + (number % 3 == 0)):
        thread = _thread(session, first + place, place, text_ids=text_ids)
        made.append(thread)
        yield thread_key(thread.thread_id), thread
        yield name_key(session_id, thread.thread_name), thread.thread_id
        yield association_key(thread.thread_id, session_id), _row(thread)
    thread_ids = tuple(thread.thread_id for thread in made)
    op_id, where = _id("operation", number, text=text_ids), log_place(seq)
    result = msgspec.Raw(msgspec.msgpack.encode(made))
    record = OperationRecord(
        op_id, seq, "CreateThreads", (session_id,), thread_ids, "applied", NIL, 300,
        at_us, result,
    )  # fmt: skip
    yield log_key(where), record
    yield operation_key(op_id), where


def _thread(session: Session, number: int, place: int, *, text_ids: bool) -> Thread:
    rich = session.created_seq % 10 == 0
    return Thread(
        thread_id=_id("thread", number, text=text_ids),
        session_id=session.session_id,
        thread_name=("draft", "notes-of-the-day", "research", "summary")[place],
        workflow="summarise" if rich else None,
        config_raw=_CONFIG if rich else EMPTY,
        status="idle",
        metadata_raw=_METADATA if rich else EMPTY,
        created_at_us=session.created_at_us,
        updated_at_us=session.created_at_us,
        rev=1,
        created_seq=session.created_seq,
        updated_seq=session.created_seq,
    )


def _row(thread: Thread) -> Association:
    return Association(
        thread.thread_id,
        thread.session_id,
        thread.thread_name,
        is_active=True,
        association_type="session_thread",
        metadata_raw=EMPTY,
        version=1,
        created_at_us=thread.created_at_us,
        updated_at_us=thread.created_at_us,
        rev=1,
        created_seq=thread.created_seq,
        updated_seq=thread.created_seq,
    )


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.million", description=__doc__)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--text-ids", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter()
    load(options.data, options.threads, text_ids=options.text_ids)
    print(f"{options.threads:,} threads in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
