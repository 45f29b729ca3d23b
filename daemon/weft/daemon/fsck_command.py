"""``weft fsck``: what is wrong with a data directory, and what was done about it.

Exit codes: 0 nothing is wrong; 1 something was, and all of it is repaired; 65 damage
is left; 75 somebody has it open.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from weft.daemon.printing import print_json, print_lines
from weft.daemon.progress import progress
from weft.storage import FsckReport
from weft.storage import fsck as fsck_directory

__all__ = ["fsck"]


def fsck(data: Path, *, repair: bool, output: str, quiet: bool) -> int:
    """Examine a data directory that nobody has open, and print what was found.

    Args:
        data: the data directory.
        repair: mend what can be mended.
        output: table, json or jsonl.
        quiet: show no progress.

    Returns:
        the exit code.

    Raises:
        StoreLocked: somebody has it open.
        OSError: it cannot be read, or the repair cannot be written.
    """
    with progress("fsck", quiet=quiet, output=output) as show:
        report = fsck_directory(data, repair=repair, progress=show)
    if output != "table":
        facts = {"exit_code": report.exit_code}
        print_json(msgspec.structs.asdict(report) | facts)
    else:
        print_lines(_lines(report))
    return report.exit_code


def _lines(report: FsckReport) -> Iterator[tuple[str, object]]:
    yield "directory", report.directory
    found = report.examination
    if found is not None:
        yield "format", "unknown" if found.format is None else found.format
        yield "operations", f"{found.seq:,}"
        yield "transaction", f"{found.txnid:,}"
        yield "pages", f"{found.pages:,}"
        yield "entries", f"{found.entries:,}"
    for one in report.repaired:
        yield "repaired", f"{one.kind} at {one.where}: {one.detail}"
    for sentence in report.lost:
        yield "lost", sentence
    if report.kept is not None:
        yield "kept", f"{report.kept} (the file as it was before the repair)"
    for one in report.damages:
        yield "damage", f"{one.kind} at {one.where}: {one.detail}"
    yield "result", _result(report)


def _result(report: FsckReport) -> str:
    if report.exit_code == 0:
        return "clean"
    if report.exit_code == 1:
        return "repaired"
    return "DAMAGED: `weft repair` mends contradictions, a backup has the rest"
