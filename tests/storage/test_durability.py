"""Durable means synced: no group is published before its bytes are on the disk.

What LMDB really writes and syncs is recorded beside what the writer publishes, and
judged by a function that is itself tried on traces with each defect.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.storage import iorecorder
from tests.storage.client import START_US
from tests.storage.iorecorder import Event, IoRecorder, Mark, Sync, Truncate, Write
from weft.storage import CreateSession, LmdbStore, Outcome, Submission, Writer

META_PAGES_BYTES = 2 * 4096
"""LMDB's first two pages say, in turn, which root the last commit left."""

IN_FLIGHT = 64
GROUPS = 300

REASON = iorecorder.unsupported()
RECORDED = pytest.mark.skipif(REASON is not None, reason=str(REASON))


def is_meta(event: Event) -> bool:
    return isinstance(event, Write) and event.offset < META_PAGES_BYTES


def violations(events: Sequence[Event]) -> list[str]:
    """Return a sentence for each publication that came too soon.

    Between two publications there is one commit: data pages, a sync, then a meta page
    that is itself synchronous or followed by a sync.
    """
    found: list[str] = []
    commit: list[Event] = []
    for event in events:
        if isinstance(event, Mark):
            found += [f"{event.value}: {what}" for what in _judge(commit)]
            commit = []
        else:
            commit.append(event)
    return found


def _judge(commit: list[Event]) -> list[str]:
    metas = [place for place, event in enumerate(commit) if is_meta(event)]
    data = [
        place
        for place, event in enumerate(commit)
        if isinstance(event, Write | Truncate) and not is_meta(event)
    ]
    syncs = [place for place, event in enumerate(commit) if isinstance(event, Sync)]
    found = []
    if not metas or not data:
        return ["published without a write of data and meta pages"]
    if not any(max(data) < sync for sync in syncs):
        found.append("data was not synced before the publication")
    elif not any(max(data) < sync < metas[-1] for sync in syncs):
        found.append("the meta page was written before the data was synced")
    last = commit[metas[-1]]
    assert isinstance(last, Write)
    if not last.synchronous and not any(metas[-1] < sync for sync in syncs):
        found.append("the meta page was not synced before the publication")
    return found


def record(directory: Path, *, sync: bool) -> tuple[list[Event], list[int]]:
    """Run a writer under load; return the trace and the numbers in their order."""
    seqs: list[int] = []
    done = threading.Event()
    with IoRecorder() as recorder:
        store = LmdbStore(directory, sync=sync)
        recorder.events.clear()

        def publish(pairs: Sequence[tuple[Submission, Outcome]]) -> None:
            published = [outcome.seq for _, outcome in pairs]
            recorder.mark(published)
            seqs.extend(seq for seq in published if seq is not None)
            groups = sum(isinstance(event, Mark) for event in recorder.events)
            if groups >= GROUPS:
                done.set()
                return
            for submission, outcome in pairs:
                assert outcome.error is None, outcome.error
                writer.submit(create(submission.sender, len(seqs)))

        writer = Writer(store, publish)
        for caller in range(IN_FLIGHT):
            writer.submit(create(caller, 0))
        writer.start()
        assert done.wait(timeout=40)
        assert writer.close(timeout_s=10)
        events = list(recorder.events)
        store.close()
    return events, seqs


def create(caller: int, number: int) -> Submission:
    """Return the next operation of a caller: a session of its own."""
    name = f"{caller}-{number}"
    return Submission(
        CreateSession(session_id=name, op_id=name, at_us=START_US), sender=caller
    )


@RECORDED
def test_every_group_is_on_the_disk_before_it_is_published(tmp_store: Path) -> None:
    events, seqs = record(tmp_store, sync=True)
    marks = [event for event in events if isinstance(event, Mark)]
    assert len(marks) >= GROUPS
    assert IN_FLIGHT == max(len(mark.value) for mark in marks)
    assert list(range(1, len(seqs) + 1)) == seqs
    assert [] == violations(events)


@RECORDED
def test_without_sync_the_same_check_finds_every_group_unsafe(tmp_store: Path) -> None:
    events, _ = record(tmp_store, sync=False)
    marks = sum(isinstance(event, Mark) for event in events)
    found = violations(events)
    assert marks == sum("data was not synced" in sentence for sentence in found)
    assert marks == sum("meta page was not synced" in sentence for sentence in found)


@RECORDED
def test_a_recorder_gives_the_file_back_byte_for_byte(tmp_store: Path) -> None:
    with IoRecorder("data.mdb") as recorder:
        store = LmdbStore(tmp_store)
        for number in range(20):
            store.apply([create(0, number).operation])
        store.close()
    image = bytearray()
    for event in recorder.events:
        if isinstance(event, Write):
            end = event.offset + len(event.data)
            image.extend(bytes(max(0, end - len(image))))
            image[event.offset : end] = event.data
        elif isinstance(event, Truncate):
            image = image[: event.size_bytes].ljust(event.size_bytes, b"\0")
    stored = (tmp_store / "store" / "data.mdb").read_bytes()
    assert stored == bytes(image).ljust(len(stored), b"\0")


@RECORDED
def test_a_recorder_that_was_left_records_no_more(tmp_store: Path) -> None:
    with IoRecorder() as recorder:
        store = LmdbStore(tmp_store)
        store.apply([create(0, 0).operation])
    before = len(recorder.events)
    assert before > 0
    store.apply([create(0, 1).operation])
    store.close()
    assert before == len(recorder.events)


DATA = Write(3, 1 << 20, b"d", synchronous=False)
META = Write(4, 4096, b"m", synchronous=True)
SLOW_META = Write(3, 0, b"m", synchronous=False)
SYNC = Sync(3)
PUBLISHED = Mark("published")


@pytest.mark.parametrize(
    "events",
    [
        [DATA, DATA, SYNC, META, PUBLISHED],
        [DATA, SYNC, SLOW_META, SYNC, PUBLISHED],
        [DATA, Truncate(3, 1), SYNC, META, PUBLISHED, DATA, SYNC, META, PUBLISHED],
        [DATA, SYNC, META, PUBLISHED, DATA],
    ],
)
def test_a_safe_trace_has_no_violations(events: list[Event]) -> None:
    assert [] == violations(events)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([PUBLISHED], "without a write"),
        ([DATA, SYNC, PUBLISHED, META], "without a write"),
        ([META, PUBLISHED], "without a write"),
        ([DATA, META, PUBLISHED], "data was not synced"),
        ([DATA, SYNC, DATA, META, PUBLISHED], "data was not synced"),
        ([DATA, SYNC, Truncate(3, 1), META, PUBLISHED], "data was not synced"),
        ([DATA, META, SYNC, PUBLISHED], "before the data was synced"),
        ([DATA, SYNC, SLOW_META, PUBLISHED], "meta page was not synced"),
        ([DATA, SYNC, META, PUBLISHED, PUBLISHED], "without a write"),
    ],
)
def test_each_defect_of_a_trace_is_found(events: list[Event], expected: str) -> None:
    (found,) = violations(events)
    assert expected in found
