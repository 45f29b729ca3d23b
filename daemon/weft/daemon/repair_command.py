"""``weft repair``: make all stored copies of who owns what the same.

A daemon repairs its own store. A data directory is taken for the time of the repair.

Exit codes: 0 nothing is wrong, or all of it is repaired; 1 something is left; 75
somebody has the directory open.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from msgspec.structs import replace

from weft.daemon.check_command import Report, finding_lines, reported
from weft.daemon.printing import print_json, print_lines
from weft.daemon.progress import Show, progress

if TYPE_CHECKING:
    from weft.daemon.target import Target
    from weft.storage import LmdbStore
    from weft.storage.repair import Mend

__all__ = ["repair"]


def repair(
    target: "Target",
    sessions: Sequence[str],
    output: str,
    quiet: bool,
    *,
    dry_run: bool,
) -> int:
    """Repair a daemon's store, or a data directory that nobody has open.

    Args:
        target: which.
        sessions: only these; all if empty.
        output: table, json or jsonl.
        quiet: show no progress.
        dry_run: only tell what would be done.

    Returns:
        the exit code.

    Raises:
        NoDaemon: nobody answers.
        StoreLocked: somebody has the directory open.
        StoreCorrupt: it cannot be opened; ``weft fsck`` tells more.
    """
    with progress("repair", quiet=quiet, output=output) as show:
        if target.data is None:
            report = _asked(target, sessions, show, dry_run=dry_run)
        elif sessions:
            words = "--session needs a daemon; a directory is repaired as a whole."
            raise click.UsageError(words)
        else:
            report = _done(target.data, show, dry_run=dry_run)
    if output == "table":
        print_lines(_lines(report))
    else:
        print_json(report)
    return 0 if report["clean"] else 1


def _asked(
    target: "Target", sessions: Sequence[str], show: Show, *, dry_run: bool
) -> Report:
    with target.remote() as remote:
        bodies = [
            {"session_id": each, "dry_run": dry_run} for each in sessions or (None,)
        ]
        reports = [reported(remote, "/repair", body, show) for body in bodies]
    whole = dict(reports[-1])
    for name, value in whole.items():
        if isinstance(value, list) or name.startswith("repairs_"):
            whole[name] = sum((each[name] for each in reports), type(value)())
    whole["clean"] = all(report["clean"] for report in reports)
    return whole


def _done(data: Path, show: Show, *, dry_run: bool) -> Report:
    from weft.daemon.http.views import RepairView
    from weft.storage import LmdbStore
    from weft.storage.check import CheckReport, check
    from weft.storage.repair import repair as repair_store

    store = LmdbStore(data, to_repair=True)
    try:

        def look() -> CheckReport:
            with store.read() as snapshot:
                return check(snapshot, progress=show)

        submit = _rehearsing(store) if dry_run else _applying(store)
        view = RepairView.of(repair_store(look, submit, dry_run=dry_run))
    finally:
        store.close()
    report: Report = msgspec.to_builtins(view)
    return report


def _rehearsing(store: "LmdbStore") -> "Callable[[Sequence[Mend]], list[Any]]":
    from weft.storage.repair import rehearse

    def submit(operations: "Sequence[Mend]") -> list[Any]:
        with store.read() as snapshot:
            return rehearse(snapshot, operations)

    return submit


def _applying(store: "LmdbStore") -> "Callable[[Sequence[Mend]], list[Any]]":
    from weft.storage import new_id
    from weft.storage.store import clock_us

    def submit(operations: "Sequence[Mend]") -> list[Any]:
        complete = [
            replace(operation, op_id=new_id(), at_us=clock_us())
            for operation in operations
        ]
        return [outcome.error or outcome.result for outcome in store.apply(complete)]

    return submit


def _lines(report: Report) -> Iterator[tuple[str, object]]:
    yield "found", f"{len(report['issues_found']):,}"
    if report["dry_run"]:
        for fix in report["fixes_applied"]:
            yield "would", fix
        yield from finding_lines(report["remaining"])
        yield "result", "nothing was changed"
        return
    yield "repaired", f"{report['repairs_successful']:,}"
    yield "refused", f"{report['repairs_refused']:,}"
    yield "failed", f"{report['repairs_failed']:,}"
    for fix in report["fixes_applied"]:
        yield "done", fix
    yield from finding_lines(report["remaining"])
    left = len(report["remaining"])
    yield "result", "clean" if report["clean"] else f"{left:,} inconsistencies are left"
