"""Export: one moment of a store as lines of JSON, in an order that can be imported.

The order is by what leans on what: the log, for its numbers, sessions, threads with
the run in progress and their associations, other runs, steps, states, checkpoints,
interactions. So an import that reads line by line has seen the session when it meets
the thread, and one that is interrupted leaves a store that is sound and goes on from
the right number. The rows are those of :mod:`weft.storage.rows`.

Guarantees:
    * one snapshot, whatever the owner of the store writes meanwhile;
    * constant memory: one record at a time;
    * a file appears whole, synced and under its name, or not at all, and never over
      one that is there;
    * the same content gives the same bytes but for the header.

An export holds a read transaction for its whole length. The owner's file grows by what
is overwritten in that time: some 20 KB for each commit.
"""

import errno
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

from weft.storage.codec import decode
from weft.storage.errors import SessionNotFound
from weft.storage.ids import pack_id, unpack_id
from weft.storage.keys import log_place
from weft.storage.keys_checkpoints import RUN_THREADS, run_of, run_prefix
from weft.storage.mark import flush
from weft.storage.progress import Progress
from weft.storage.records import Record, Run, Thread
from weft.storage.rows import (
    EXPORT_FORMAT,
    KINDS,
    End,
    GraphEntry,
    Header,
    Row,
    write_row,
)
from weft.storage.snapshot import Snapshot

__all__ = ["export_lines", "row_count", "whole_file", "write_export"]

_TREES: Final = ("L", "S", "T", "R", "X", "C", "I", "K")

_PLACE_SIZE_BYTES: Final = len(log_place(0))

PROGRESS_ROWS: Final = 1_000
"""Between two calls of ``progress``: some 10 ms."""


def export_lines(
    snapshot: Snapshot, now_us: int, sessions: Sequence[str] | None = None
) -> Iterator[bytes]:
    """Yield the lines of an export, header and end included.

    Args:
        snapshot: the store; it must stay open until the last line.
        now_us: the time of the export, microseconds since the Unix epoch.
        sessions: only these, with their live threads, and without the log; None for
            the whole store.

    Raises:
        SessionNotFound: there is no such session.
        StoreCorrupt: a record is damaged; it is named.
    """
    chosen = None if sessions is None else list(dict.fromkeys(sessions))
    header = Header(
        format=EXPORT_FORMAT,
        seq=snapshot.seq,
        exported_at_us=now_us,
        sessions=chosen,
    )
    yield msgspec.json.encode(header)
    rows = 0
    found = _whole(snapshot) if chosen is None else _of_sessions(snapshot, chosen)
    for row in found:
        rows += 1
        yield write_row(row)
    yield msgspec.json.encode(End(rows))


def row_count(snapshot: Snapshot) -> int:
    """Return how many rows a whole export has, about: for showing progress."""
    held = snapshot.counters
    first = next(snapshot.entries("L"), None)
    log = 0 if first is None else snapshot.seq - int.from_bytes(first[0][:8]) + 1
    counted = (held.sessions, held.threads, held.runs)
    return (
        sum(sum(by_status.values()) for by_status in counted)
        + held.states
        + held.interactions
        + held.associations
        + held.tombstones
        + held.items
        + log
    )


def write_export(
    snapshot: Snapshot,
    out: IO[bytes],
    now_us: int,
    sessions: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> int:
    """Write an export, and return how many rows it has.

    Args:
        snapshot: the store.
        out: where to.
        now_us: the time of the export, microseconds since the Unix epoch.
        sessions: only these; None for the whole store.
        progress: told (done, total) rows.

    Raises:
        SessionNotFound: there is no such session.
        StoreCorrupt: a record is damaged; it is named.
        OSError: it could not be written.
    """
    total = row_count(snapshot) if progress is not None else 0
    done = -2  # header and end are no rows
    for line in export_lines(snapshot, now_us, sessions):
        out.write(line)
        out.write(b"\n")
        done += 1
        if progress is not None and done % PROGRESS_ROWS == 0:
            progress(max(done, 0), max(done, total))
    out.flush()
    return done


@contextmanager
def whole_file(path: Path) -> Generator[IO[bytes]]:
    """Open a file that gets its name when it is whole and synced, at the block's end.

    Args:
        path: its name; nothing may be there.

    Raises:
        FileExistsError: something is there.
        OSError: it could not be written; nothing is left.
    """
    if path.exists():
        raise FileExistsError(errno.EEXIST, "there is something already", str(path))
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.link(draft, path)  # unlike a rename it fails if somebody was faster
    finally:
        draft.unlink(missing_ok=True)
    flush(path.parent)


def _whole(snapshot: Snapshot) -> Iterator[Row]:
    for tree in _TREES:
        for key, data in snapshot.entries(tree):
            value = decode(tree, key, data)
            if tree == "C":
                yield _graph(key, data)
            elif isinstance(value, Thread):
                yield from _thread(snapshot, value)
            elif isinstance(value, Run) and _is_live(value, snapshot):
                continue  # it went with its thread
            elif type(value) in KINDS:  # else an index entry: it follows from records
                yield _row(tree, key, value)


def _thread(snapshot: Snapshot, thread: Thread) -> Iterator[Row]:
    """Yield a thread with its run in progress: neither is right without the other."""
    yield Row(thread)
    run = None if thread.run_id is None else snapshot.run(thread.run_id)
    if run is not None and _is_live(run, snapshot):
        yield Row(run)


def _is_live(run: Run, snapshot: Snapshot) -> bool:
    if run.finished_at_us is not None:
        return False
    thread = snapshot.thread(run.thread_id)
    return thread is not None and thread.run_id == run.run_id


def _row(tree: str, key: bytes, record: Record) -> Row:
    if tree not in {"I", "L"}:
        return Row(record)
    place = key[-_PLACE_SIZE_BYTES:]
    return Row(record, (int.from_bytes(place[:8]), int.from_bytes(place[8:])))


def _graph(key: bytes, data: bytes) -> Row:
    if key.startswith(RUN_THREADS):
        _, end = unpack_id(key, len(RUN_THREADS))
        return Row(GraphEntry(unpack_id(key, end)[0], key, data))
    return Row(GraphEntry(unpack_id(key)[0], key, data))


def _graphs(snapshot: Snapshot, thread_id: str) -> Iterator[Row]:
    """Yield what graphs left of a thread, with the index by run."""
    packed = pack_id(thread_id)
    for key, data in snapshot.entries("C", packed):
        yield _graph(key, data)
        run_id = run_of(thread_id, key)
        if run_id is not None:
            for found in snapshot.entries("C", run_prefix(run_id) + packed):
                yield _graph(*found)


def _of_sessions(snapshot: Snapshot, chosen: Sequence[str]) -> Iterator[Row]:
    for session_id in chosen:
        session = snapshot.session(session_id)
        if session is None:
            words = f"Session {session_id!r} does not exist."
            raise SessionNotFound(words, session_id=session_id)
        yield Row(session)
    owners = set(chosen)
    for session_id in chosen:
        for thread in snapshot.threads(session_id):
            thread_id = thread.thread_id
            yield from _thread(snapshot, thread)
            for association in snapshot.associations_by_thread(thread_id):
                if association.session_id in owners:
                    yield Row(association)
            yield from _runs(snapshot, thread)
            yield from _rows(snapshot, "X", thread_id)
            yield from _graphs(snapshot, thread_id)
        yield from _rows(snapshot, "I", session_id)


def _runs(snapshot: Snapshot, thread: Thread) -> Iterator[Row]:
    """Yield a thread's runs but the one in progress, and what that has recorded."""
    for run in snapshot.runs(thread.thread_id):
        if not _is_live(run, snapshot):
            yield Row(run)
    if thread.run_id is not None:
        for _, step in snapshot.steps(thread.run_id):
            yield Row(step)


def _rows(snapshot: Snapshot, tree: str, owner: str) -> Iterator[Row]:
    for key, data in snapshot.entries(tree, pack_id(owner)):
        yield _row(tree, key, decode(tree, key, data))
