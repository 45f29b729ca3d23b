"""``weft check``: are all stored copies of who owns what the same?

Reads beside whoever has the data directory open: another process's changes neither
wait for a check nor show in it by halves.

Exit codes: 0 nothing was found; 1 something was; 66 a session does not exist.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from weft.daemon.printing import print_json, print_lines
from weft.daemon.progress import Show, progress
from weft.storage import SessionNotFound
from weft.storage.check import CheckReport, Inconsistency
from weft.storage.check import check as check_snapshot
from weft.storage.check_live import LiveCheck
from weft.storage.lmdb_reader import LmdbReader
from weft.storage.store import clock_us

__all__ = ["Options", "Output", "check", "finding_lines"]

Output = Literal["table", "json", "jsonl"]

DAY_US = 86_400_000_000


class Options(msgspec.Struct, frozen=True):
    """How to check.

    Attributes:
        sessions: only these; all if empty.
        rate: entries per second at the most, in chunks; None for one moment of the
            whole store, as fast as it goes.
        retention_days: report inactive associations older than this; None for not.
        output: how to print.
        quiet: show no progress.
    """

    sessions: tuple[str, ...] = ()
    rate: float | None = None
    retention_days: float | None = None
    output: Output = "table"
    quiet: bool = False


def check(data: Path, options: Options) -> int:
    """Check a data directory, whether or not somebody has it open.

    Args:
        data: the data directory.
        options: how.

    Returns:
        the exit code.

    Raises:
        SessionNotFound: a session to check does not exist.
        StoreCorrupt: the directory holds no readable store.
    """
    reader = LmdbReader.of(data)
    try:
        with progress("check", quiet=options.quiet) as show:
            report = _check(reader, options, show)
    finally:
        reader.close()
    _print(report, options.output)
    return 0 if report.clean else 1


def _check(reader: LmdbReader, options: Options, show: Show) -> CheckReport:
    if options.rate is not None and not options.sessions:
        return LiveCheck(reader.read, progress=show).run(options.rate)
    expired_before_us = 0
    if options.retention_days is not None:
        expired_before_us = clock_us() - int(options.retention_days * DAY_US)
    with reader.read() as snapshot:
        report = check_snapshot(
            snapshot,
            session_ids=options.sessions or None,
            thorough=True,
            expired_before_us=expired_before_us,
            progress=show,
        )
        found = {finding.session_id for finding in report.inconsistencies}
        for session_id in options.sessions:
            if session_id not in found and snapshot.session(session_id) is None:
                raise SessionNotFound(
                    f"Session {session_id!r} does not exist.", session_id=session_id
                )
    return report


def _print(report: CheckReport, output: Output) -> None:
    if output == "json":
        print_json(msgspec.structs.asdict(report) | {"clean": report.clean})
    elif output == "jsonl":
        for finding in report.inconsistencies:
            print_json(finding)
    else:
        print_lines(_lines(report))


def _lines(report: CheckReport) -> Iterator[tuple[str, object]]:
    for name in ("sessions", "threads", "associations", "states", "runs", "operations"):
        yield name, f"{getattr(report, name):,}"
    yield "seconds", f"{report.duration_s:.2f}"
    yield from finding_lines(report.inconsistencies)
    number = len(report.inconsistencies)
    yield "result", "clean" if report.clean else f"{number:,} inconsistencies"


def finding_lines(findings: Sequence[Inconsistency]) -> Iterator[tuple[str, object]]:
    """Yield findings as lines: what kind, and the facts."""
    for finding in findings:
        yield finding.kind, finding.detail
