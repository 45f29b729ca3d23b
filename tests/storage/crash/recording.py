"""What the real writer and store do to the disk, recorded with what they acknowledge.

A recording is everything a judge needs: the file before, each write and sync after it
in order, a mark at each acknowledgement, and what the store held and answered after
each commit group.

Defects break the store on purpose, one way each, for controls: a judge that passes
one of them judges nothing.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

import msgspec

from tests.storage.crash.workload import Workload
from tests.storage.iorecorder import Event, IoRecorder
from weft.storage import LmdbStore, Outcome, Submission, Writer
from weft.storage import operations as op
from weft.storage.engine import WriteTransaction
from weft.storage.errors import Refusal
from weft.storage.keys import TREES
from weft.storage.mark import MARK_NAME
from weft.storage.operation_log import OperationLog
from weft.storage.snapshot import Snapshot
from weft.storage.store import TreeStore

__all__ = ["DEFECTS", "Answer", "Recording", "answer_of", "fingerprint", "record"]

MAP_SIZE_BYTES: Final = 1 << 16
"""Small, so that a recording has the map grow between transactions."""

READER_SHARE: Final = 0.2
"""Of the groups that are written beside a live reader: its pages stay in use."""

_encode: Final = msgspec.msgpack.Encoder().encode

Answer = tuple[int | None, bytes]
"""What an operation's sender was told: `seq`, and the result or the refusal."""

History = dict[tuple[str, bytes], set[bytes]]
"""By tree and key: every value that was ever committed there."""


class Recording(msgspec.Struct):
    """A run of the writer, and its trace.

    Attributes:
        image: the file before the first write.
        mark: what lay beside it then; there is no other until the store is closed.
        events: writes, syncs, and a mark with the number of groups acknowledged.
        contents: what the store held before the first group and after each.
        answers: by `op_id`.
        history: every value that was ever committed, by tree and key.
    """

    image: bytes
    mark: bytes
    events: list[Event]
    groups: list[list[op.Operation]]
    contents: list[bytes]
    answers: dict[str, Answer]
    history: History


def answer_of(outcome: Outcome) -> Answer:
    """Return what a sender is told, in comparable form."""
    error = outcome.error
    told = outcome.result if error is None else Refusal.of(error)
    return outcome.seq, _encode(told)


def fingerprint(snapshot: Snapshot) -> bytes:
    """Return a digest of every key and value of a store."""
    digest = blake2b(digest_size=16)
    for tree in TREES:
        digest.update(_encode(list(snapshot.entries(tree))))
    return digest.digest()


def record(directory: Path, seed: int, groups: int, defect: str = "") -> Recording:
    """Write seeded groups to a new store and return all that happened.

    Args:
        directory: the data directory; must not exist.
        seed: of the workload and of the readers beside it.
        groups: how many.
        defect: a name of `DEFECTS`, or nothing.
    """
    with IoRecorder("store/data.mdb") as recorder, DEFECTS[defect]():
        store = LmdbStore(
            directory, map_size_bytes=MAP_SIZE_BYTES, sync=defect != "no sync"
        )
        recorder.events.clear()
        image = (directory / "store" / "data.mdb").read_bytes()
        mark = (directory / MARK_NAME).read_bytes()
        made = Recording(image, mark, recorder.events, [], [], {}, {})
        _Run(store, made, recorder, early=defect == "early").write(seed, groups)
        made.events = list(recorder.events)
        store.close()
    return made


class _Run:
    """A writer at work on a recording."""

    def __init__(
        self, store: TreeStore, made: Recording, recorder: IoRecorder, *, early: bool
    ) -> None:
        self._store = store
        self._made = made
        self._recorder = recorder
        self._early = early
        self._acknowledged = 0
        self._writer = Writer(store, self._publish)

    def write(self, seed: int, groups: int) -> None:
        random = Random(seed)
        self._note()
        for group in Workload(seed).groups(groups):
            self._made.groups.append(group)
            for operation in group:
                self._writer.submit(Submission(operation))
            beside = random.random() < READER_SHARE
            reader: AbstractContextManager[Any] = (
                self._store.read() if beside else nullcontext()
            )
            if self._early:
                self._acknowledge()
            with reader:
                assert self._writer.step()
            self._note()

    def _publish(self, pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        assert not self._writer.read_only, pairs[0][1].error
        for submission, outcome in pairs:
            answer = answer_of(outcome)
            self._made.answers[submission.operation.op_id] = answer
        if not self._early:
            self._acknowledge()

    def _acknowledge(self) -> None:
        self._acknowledged += 1
        self._recorder.mark(self._acknowledged)

    def _note(self) -> None:
        """Remember what the store holds now."""
        with self._store.read() as snapshot:
            self._made.contents.append(fingerprint(snapshot))
            for tree in TREES:
                for key, value in snapshot.entries(tree):
                    self._made.history.setdefault((tree, key), set()).add(value)


# -- defects -------------------------------------------------------------------------


def _two_transactions() -> AbstractContextManager[Any]:
    """Commit the records of a group first, and its entries in the log after them."""
    apply, flush = TreeStore.apply, OperationLog.flush

    def split(
        store: TreeStore, operations: Sequence[op.Operation]
    ) -> Sequence[Outcome]:
        logs: list[OperationLog] = []

        def keep(log: OperationLog) -> None:
            logs.append(log)

        with patch.object(OperationLog, "flush", keep):
            outcomes = apply(store, operations)

        def put(writing: WriteTransaction) -> None:
            logs[-1]._transaction = writing
            flush(logs[-1])

        store._write(put)
        return outcomes

    return patch.object(TreeStore, "apply", split)


DEFECTS: Final[dict[str, Callable[[], AbstractContextManager[Any]]]] = {
    "": nullcontext,
    "no sync": nullcontext,
    "early": nullcontext,
    "two transactions": _two_transactions,
    "forgetful": nullcontext,
}
"""Nothing is synced; groups are acknowledged before their commit; an operation is split
over two transactions; a restarted store does not know its `op_id`s."""
