"""The log of a store that an export with broken rows was taken into: whole, if shorter.

A log has no gap, and ends where the records' numbers end: to who examines a store, one
that is otherwise has lost writes. So what stands before the last broken row of the log
goes, as if it had expired, and if the last row is broken the import takes its place.

Guarantees: no number that a record has is given out again; interrupted at any moment,
it is done by the next import of the file.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from weft.storage.check_scan import follows
from weft.storage.codec import decode
from weft.storage.group import Group
from weft.storage.ids import new_id
from weft.storage.import_intake import ImportRecords
from weft.storage.operation_log import OperationLog
from weft.storage.operations import PARTS_MAX, Expire
from weft.storage.rules import Applied
from weft.storage.snapshot import Snapshot
from weft.storage.store import TreeStore, clock_us
from weft.storage.view import Draft

__all__ = ["SEQ_MAX", "close_log"]

SEQ_MAX: Final = (1 << 53) - 1
"""Beyond it a header's number is none: the last one of 8,192 logs."""


def close_log(store: TreeStore, seq: int) -> None:
    """Have a log begin behind its last gap and end at an export's number.

    Args:
        store: nobody else writes it.
        seq: of the export; the log goes on from there.

    Raises:
        StoreReadOnly: the disk is full or failing.
    """
    if store.seq < seq <= SEQ_MAX:
        store.amend(lambda group, log: _enter(group, log, seq))
    with store.read() as snapshot:
        end = _begin(snapshot)
    while True:
        with store.read() as snapshot:
            old = tuple(islice(_before(snapshot, end), PARTS_MAX))
        if not old:
            return
        store.apply([Expire(log=old, op_id=new_id(), at_us=clock_us())])


def _enter(group: Group, log: OperationLog, seq: int) -> None:
    """Enter the import under the export's own number."""
    log.end = (seq - 1, 0)
    operation: Any = ImportRecords(op_id=new_id(), at_us=clock_us())
    log.enter(operation, Applied(Draft(group), [], 0))


def _begin(snapshot: Snapshot) -> bytes:
    """Return the first place behind the last gap."""
    begin = last = b""
    for place, _ in snapshot.entries("L"):
        if last and not follows(last, place):
            begin = place
        last = place
    return begin


def _before(snapshot: Snapshot, end: bytes) -> Iterator[tuple[bytes, str]]:
    for place, data in snapshot.entries("L"):
        if place >= end:
            return
        yield place, decode("L", place, data).op_id
