"""One life of a store beside a disk that fails: written, failed, healed, reopened.

A trial submits seeded groups to the real writer, with the disk failing at some call;
then it heals the disk, submits again what was not written, and opens the store anew.
It notes each thing that must not be:

* a sender without an answer, or with an error that has no name;
* a sender told of success that the store does not show, now or after reopening;
* a number in the one order that listeners were told twice, or never;
* reads that fail for good; a writer that does not say it is read-only, or says it
  when it can write;
* a store that is not consistent after it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.storage.crash.recording import answer_of, fingerprint
from tests.storage.crash.workload import Workload
from tests.storage.faults.injector import Failure, FaultyIo
from tests.storage.invariants import broken
from weft.storage import (
    LmdbStore,
    Operation,
    Outcome,
    SessionThreadException,
    StoreReadOnly,
    Submission,
    Writer,
)
from weft.storage.check import check

__all__ = ["GROUPS", "Trial", "count_calls"]

GROUPS: Final = 8
MAP_SIZE_BYTES: Final = 1 << 16


class Trial:
    """A store, its writer and what they told.

    Args:
        directory: for the data; must not exist.
        seed: of the workload.

    Attributes:
        faults: what must not be, in words.
    """

    def __init__(self, directory: Path, seed: int) -> None:
        self._directory = directory
        self._groups = Workload(seed).groups(GROUPS)
        self._told: dict[str, tuple[int | None, bytes]] = {}
        self._seqs: list[int] = []
        self._failed: list[Operation] = []
        self._answers = 0
        self.faults: list[str] = []
        self.errors: set[str] = set()

    def run(self, io: FaultyIo, failure: Failure, at: int) -> None:
        """Live through a failure at a call."""
        self._store = LmdbStore(self._directory, map_size_bytes=MAP_SIZE_BYTES)
        self._writer = Writer(self._store, self._publish)
        io.arm(failure, at)
        for group in self._groups:
            self._submit(group)
            self._look()
        io.heal()
        self._recover()
        with self._store.read() as snapshot:
            before = fingerprint(snapshot)
        self._store.close()
        self._reopen(before)

    def _submit(self, group: Sequence[Operation]) -> None:
        for operation in group:
            self._writer.submit(Submission(operation, self))
        answers, errors = self._answers, len(self._failed)
        self._writer.step()
        if self._answers - answers != len(group):
            self.faults.append(f"{len(group)} waited, {self._answers - answers} heard")
        failed = len(self._failed) > errors
        if failed != self._writer.statistics().read_only:
            self.faults.append(f"read_only is not {failed}")

    def _publish(self, pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        for submission, outcome in pairs:
            self._answers += submission.sender is self
            if isinstance(outcome.error, StoreReadOnly):
                self._failed.append(submission.operation)
                self.errors.add(type(outcome.error.cause).__name__)
            else:
                self._told[outcome.operation.op_id] = answer_of(outcome)
                if outcome.seq is not None and not outcome.replayed:
                    self._seqs.append(outcome.seq)

    def _look(self) -> None:
        """See that reads go on and show what was told."""
        try:
            with self._store.read() as snapshot:
                seq = snapshot.seq
        except SessionThreadException as error:
            self.faults.append(f"a read failed: {error}")
            return
        if seq < len(self._seqs):
            self.faults.append(f"{len(self._seqs)} were told, the store shows {seq}")

    def _recover(self) -> None:
        """Submit again what failed; the disk is well."""
        failed, self._failed = self._failed, []
        if failed:
            self._submit(failed)
        if self._failed:
            self.faults.append("the disk is well and the store is not")
        if self._writer.read_only:
            self.faults.append("it can write and says it cannot")
        if self._seqs != [*range(1, len(self._seqs) + 1)]:
            self.faults.append(f"listeners were told {self._seqs}")

    def _reopen(self, before: bytes) -> None:
        store = LmdbStore(self._directory)
        with store.read() as snapshot:
            if fingerprint(snapshot) != before:
                self.faults.append("the store is another one after reopening")
            self.faults += [str(one) for one in check(snapshot).inconsistencies]
            self.faults += broken(snapshot)
        for outcome in store.apply([one for group in self._groups for one in group]):
            op_id = outcome.operation.op_id
            if self._told[op_id] != answer_of(outcome):
                self.faults.append(f"{op_id} has another answer after reopening")
        store.close()


def count_calls(directory: Path, seed: int) -> int:
    """Return how many calls a trial makes that meets no failure."""
    with FaultyIo() as io:
        trial = Trial(directory, seed)
        trial.run(io, Failure(0), at=-1)
    assert [] == trial.faults
    return io.calls
