"""``weft ops``: the log of operations as it grows, and the files for operators."""

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weft.daemon.commands.showing import OPERATIONS, show_operations
from weft.daemon.printing import clean, emit, print_json
from weft.daemon.source import Doc, Source

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["show_log", "write_shipped"]


class CannotWriteError(click.ClickException):
    """A file cannot be created."""

    exit_code = os.EX_CANTCREAT


def show_log(
    target: "Target",
    *,
    session_id: str | None,
    thread_id: str | None,
    after_seq: int | None,
    refused: bool,
    follow: bool,
    times: int | None,
    limit: int,
    output: str,
) -> None:
    """Print the log.

    Args:
        target: whose.
        session_id: only what concerns this session.
        thread_id: only what concerns this thread.
        after_seq: only what came behind this operation, the oldest first.
        refused: only what was refused.
        follow: go on with what happens from now on.
        times: end after so many.
        limit: how many at the most, before following.
        output: table, json or jsonl.
    """
    if follow and output == "json":
        raise click.UsageError("--follow goes with -o table and -o jsonl.")
    with target.source() as source:
        last, place = source.position()
        start = _start(source, session_id, thread_id, after_seq, refused, limit)
        found = source.operations(start, session_id, thread_id)
        if follow:  # what comes meanwhile is followed, and is not to come twice
            found = (each for each in found if (each["seq"] or 0) <= last)
        wanted = (each for each in found if not refused or each["outcome"] == "refused")
        shown = wanted if after_seq is None else islice(wanted, limit)
        show_operations(shown, limit, output)
    if follow:
        query = {"session_id": session_id, "thread_id": thread_id, "after_id": place}
        _follow(target, query, times, output)


def write_shipped(directory: str, *, replace: bool) -> None:
    """Write the rules, the dashboard and the scrape configuration.

    Args:
        directory: where to.
        replace: whether files that are there are written over.
    """
    from weft.metrics import export

    try:
        written = export(Path(directory), replace=replace)
    except OSError as error:
        words = f"{error} Name another DIR, or use --replace."
        raise CannotWriteError(words) from error
    for path in written:
        emit(f"{path}\n")


def _start(
    source: Source,
    session_id: str | None,
    thread_id: str | None,
    after_seq: int | None,
    refused: bool,
    limit: int,
) -> int:
    """Return where to begin: not at the beginning of a long log, if that will do."""
    if after_seq is not None:
        return after_seq
    if session_id or thread_id or refused:
        return 0
    return max(0, source.seq() - limit)


def _follow(
    target: "Target", query: dict[str, Any], times: int | None, output: str
) -> None:
    with target.remote() as remote:
        events = remote.events("GET", "/events", query=query)
        operations = (each.data for each in events if each.event == "operation")
        try:
            for operation in islice(operations, times):
                _show_one(operation, output)
        except KeyboardInterrupt:
            click.echo(err=True)


def _show_one(operation: Doc, output: str) -> None:
    if output == "jsonl":
        print_json(operation)
        return
    values = (operation.get(field) for field in OPERATIONS.values())
    words = [
        ",".join(value) if isinstance(value, list) else str(value)
        for value in values
        if value is not None
    ]
    emit(clean("  ".join(words)) + "\n")
