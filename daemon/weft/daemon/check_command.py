"""``weft check``: are all stored copies of who owns what the same?

A daemon checks its own store. A data directory is read beside whoever has it open:
another process's changes neither wait for a check nor show in it by halves.

Exit codes: 0 nothing was found; 1 something was; 66 a session does not exist.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from weft.daemon.printing import print_json, print_lines
from weft.daemon.progress import Show, progress

if TYPE_CHECKING:
    from weft.daemon.places import Place, Readable
    from weft.daemon.remote import Remote
    from weft.daemon.target import Target
    from weft.storage.check import CheckReport

__all__ = ["Options", "Report", "check", "finding_lines", "reported"]

DAY_US = 86_400_000_000

Report = dict[str, Any]
"""What the API answers of a check or a repair, decoded."""


class Options(msgspec.Struct, frozen=True):
    """How to check.

    Attributes:
        sessions: only these; all if empty.
        kinds: tell findings of these kinds only; all if empty.
        rate: entries per second at the most, in chunks; None for one moment of the
            whole store, as fast as it goes.
        retention_days: report inactive associations older than this; None for not.
        output: how to print.
        quiet: show no progress.
    """

    sessions: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    rate: float | None = None
    retention_days: float | None = None
    output: str = "table"
    quiet: bool = False


def check(target: "Target", options: Options) -> int:
    """Check a daemon's store, or a data directory whether or not somebody has it open.

    Args:
        target: which.
        options: how.

    Returns:
        the exit code.

    Raises:
        click.UsageError: there is no such kind of finding.
        NoDaemon: nobody answers.
        SessionNotFound: a session to check does not exist.
        StoreCorrupt: the directory holds no readable store.
    """
    _check_kinds(options.kinds)
    with progress("check", quiet=options.quiet, output=options.output) as show:
        if target.data is not None:
            report = _read(target.data, options, show)
        else:
            report = _asked(target, options, show)
    if options.kinds:
        found = report["inconsistencies"]
        report["inconsistencies"] = [
            each for each in found if each["kind"] in options.kinds
        ]
        report["clean"] = not report["inconsistencies"]
    _print(report, options.output)
    return 0 if report["clean"] else 1


def _check_kinds(kinds: Sequence[str]) -> None:
    """Refuse a kind that is none: a check of it would find nothing, and say so."""
    if not kinds:
        return
    import click

    from weft.storage.check import KINDS

    for kind in kinds:
        if kind not in KINDS:
            words = f"There is no kind {kind!r}. There are: {', '.join(sorted(KINDS))}."
            raise click.UsageError(words)


def _read(data: "Place", options: Options, show: Show) -> Report:
    from weft.daemon.http.views import CheckView
    from weft.daemon.places import reader_of

    reader = reader_of(data)
    try:
        view = CheckView.of(_check(reader, options, show))
    finally:
        reader.close()
    report: Report = msgspec.to_builtins(view)
    return report


def _check(reader: "Readable", options: Options, show: Show) -> "CheckReport":
    from weft.storage import SessionNotFound
    from weft.storage.check import check as check_snapshot
    from weft.storage.check_live import LiveCheck
    from weft.storage.store import clock_us

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


def _asked(target: "Target", options: Options, show: Show) -> Report:
    import click

    if options.rate is not None or options.retention_days is not None:
        raise click.UsageError("--rate and --retention go with --data.")
    with target.remote() as remote:
        bodies = [{"session_id": each} for each in options.sessions or (None,)]
        return _together([reported(remote, "/check", body, show) for body in bodies])


def reported(remote: "Remote", path: str, body: Report, show: Show) -> Report:
    """Have a daemon check or repair; tell how far it is; return the report.

    Args:
        remote: the daemon.
        path: of the endpoint.
        body: of the request.
        show: told the progress.

    Raises:
        NoDaemon: nobody answers, or the daemon stopped meanwhile.
        RemoteProblem: it failed.
        SessionThreadException: it refused.
    """
    from weft.daemon.remote import NoDaemon
    from weft.daemon.remote_problems import error_of

    for event in remote.events("POST", path, body):
        if event.event == "progress":
            show(event.data["done"], event.data["total"])
        elif event.event == "report":
            report: Report = event.data
            return report
        elif event.event == "error":
            raise error_of(500, msgspec.json.encode(event.data))
    raise NoDaemon(remote.place, "it stopped before the report was there")


def _together(reports: Sequence[Report]) -> Report:
    """Return the reports of several sessions as one."""
    whole = dict(reports[-1])
    for name in ("sessions", "threads", "associations", "states", "runs"):
        whole[name] = sum(report[name] for report in reports)
    whole["duration_s"] = sum(report["duration_s"] for report in reports)
    whole["inconsistencies"] = [
        each for report in reports for each in report["inconsistencies"]
    ]
    whole["clean"] = all(report["clean"] for report in reports)
    return whole


def _print(report: Report, output: str) -> None:
    if output == "json":
        print_json(report)
    elif output == "jsonl":
        for finding in report["inconsistencies"]:
            print_json(finding)
    else:
        print_lines(_lines(report))


def _lines(report: Report) -> Iterator[tuple[str, object]]:
    for name in ("sessions", "threads", "associations", "states", "runs", "operations"):
        yield name, f"{report[name]:,}"
    yield "seconds", f"{report['duration_s']:.2f}"
    yield from finding_lines(report["inconsistencies"])
    number = len(report["inconsistencies"])
    yield "result", "clean" if report["clean"] else f"{number:,} inconsistencies"


def finding_lines(findings: Iterable[Report]) -> Iterator[tuple[str, object]]:
    """Yield findings as lines: what kind, and the facts."""
    for finding in findings:
        yield finding["kind"], finding["detail"]
