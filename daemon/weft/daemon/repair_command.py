"""``weft repair``: make all stored copies of who owns what the same.

Takes the data directory for itself. A running daemon repairs its own store.

Exit codes: 0 nothing is wrong, or all of it is repaired; 1 something is left; 75
somebody has the directory open.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from weft.daemon.check_command import finding_lines
from weft.daemon.printing import print_json, print_lines
from weft.daemon.progress import progress
from weft.storage import LmdbStore, new_id
from weft.storage.check import CheckReport, check
from weft.storage.repair import Mend, RepairReport, rehearse
from weft.storage.repair import repair as repair_store
from weft.storage.store import clock_us

__all__ = ["repair"]


def repair(data: Path, *, dry_run: bool, as_json: bool, quiet: bool) -> int:
    """Repair a data directory that nobody has open.

    Args:
        data: the data directory.
        dry_run: only tell what would be done.
        as_json: print JSON and not lines.
        quiet: show no progress.

    Returns:
        the exit code.

    Raises:
        StoreLocked: somebody has it open.
        StoreCorrupt: it cannot be opened; ``weft fsck`` tells more.
    """
    store = LmdbStore(data, to_repair=True)
    try:
        with progress("repair", quiet=quiet) as show:

            def look() -> CheckReport:
                with store.read() as snapshot:
                    return check(snapshot, progress=show)

            submit = _rehearsing(store) if dry_run else _applying(store)
            report = repair_store(look, submit, dry_run=dry_run)
    finally:
        store.close()
    if as_json:
        print_json(msgspec.structs.asdict(report) | {"clean": report.clean})
    else:
        print_lines(_lines(report))
    return 0 if report.clean else 1


def _rehearsing(store: LmdbStore) -> Callable[[Sequence[Mend]], list[Any]]:
    def submit(operations: Sequence[Mend]) -> list[Any]:
        with store.read() as snapshot:
            return rehearse(snapshot, operations)

    return submit


def _applying(store: LmdbStore) -> Callable[[Sequence[Mend]], list[Any]]:
    def submit(operations: Sequence[Mend]) -> list[Any]:
        complete = [
            replace(operation, op_id=new_id(), at_us=clock_us())
            for operation in operations
        ]
        return [outcome.error or outcome.result for outcome in store.apply(complete)]

    return submit


def _lines(report: RepairReport) -> Iterator[tuple[str, object]]:
    yield "found", f"{len(report.issues_found):,}"
    if report.dry_run:
        for fix in report.fixes_applied:
            yield "would", fix
        yield from finding_lines(report.remaining)
        yield "result", "nothing was changed"
        return
    yield "repaired", f"{report.repairs_successful:,}"
    yield "refused", f"{report.repairs_refused:,}"
    yield "failed", f"{report.repairs_failed:,}"
    for fix in report.fixes_applied:
        yield "done", fix
    yield from finding_lines(report.remaining)
    left = len(report.remaining)
    yield "result", "clean" if report.clean else f"{left:,} inconsistencies are left"
