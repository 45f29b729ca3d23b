"""``weft migrate``: the store of a data directory goes on in a PostgreSQL database.

A directory that nobody has open is moved here. Where a daemon has it, that daemon is
asked to move it, and serves it all the while.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from weft.daemon.printing import print_json, print_lines
from weft.daemon.progress import Show, progress
from weft.storage import StoreLocked

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["migrate"]

Report = dict[str, Any]


def migrate(
    target: "Target",
    data: Path | None,
    to: str,
    *,
    verify: bool,
    output: str,
    quiet: bool,
) -> int:
    """Move a store, and print what was done.

    Args:
        target: the daemon to ask, if one has the directory.
        data: the data directory; None for that of the daemon.
        to: the database's address.
        verify: compare the copy before the store goes over.
        output: table, json or jsonl.
        quiet: show no progress.

    Returns:
        the exit code.

    Raises:
        NoDaemon: somebody has the directory open, and no daemon answers.
        SessionThreadException: as :func:`weft.cluster.live_migration.migrate`.
    """
    with progress("migrate", quiet=quiet, output=output) as show:
        report = _moved(target, data, to, show, verify=verify)
    if report is None:
        report = {"arrived": True}
    if output == "table":
        print_lines(_lines(report))
    else:
        print_json(report)
    return 0


def _moved(
    target: "Target", data: Path | None, to: str, show: Show, *, verify: bool
) -> Report | None:
    """Return the report; None if the store had moved before."""
    body = {"to": to, "verify": verify}
    if data is None:
        return _asked(target, body, show)
    from weft.cluster.live_migration import migrate_directory

    try:
        report = migrate_directory(data, to, verify=verify, progress=show)
    except StoreLocked as locked:
        try:
            return _asked(target, body | {"directory": str(data.resolve())}, show)
        except Exception as error:
            raise error from locked
    return None if report is None else msgspec.to_builtins(report)


def _asked(target: "Target", body: Report, show: Show) -> Report:
    from weft.daemon.check_command import reported

    import_module("weft.cluster.errors")  # what the daemon may tell of

    with target.remote() as remote:
        return reported(remote, "/migration", body, show)


def _lines(report: Report) -> list[tuple[str, object]]:
    if "arrived" in report:
        return [("result", "the store has arrived there before")]
    return [
        ("entries", f"{report['entries']:,}"),
        ("sent", f"{report['sent']:,} ({report['sent_bytes']:,} bytes)"),
        ("verified", f"{report['verified']:,}"),
        ("seconds", f"{report['duration_s']:.2f}"),
        ("writers waited", f"{report['pause_s'] * 1000:.0f} ms"),
        ("operation", f"{report['seq']:,}"),
        ("result", f"the store is in {report['to']} now"),
    ]
