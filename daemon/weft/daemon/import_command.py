"""``weft import``: an export, or another product's threads, into a data directory.

Guarantees:
    * every row that did not go in is told on stderr with its line and the reason, and
      every one of a database that was repaired with the rule;
    * the exit code is 0 when all rows are in, 65 when some are not;
    * a dry run changes nothing, and tells what would be;
    * stopped by a signal, it has what it said: ``--resume`` goes on from there.
"""

import os
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from weft.daemon.places import Place, alone_at, is_database, reader_of
from weft.daemon.printing import print_json, print_lines
from weft.daemon.progress import Show, progress
from weft.daemon.stop import Stop, stop_signals
from weft.storage import LmdbStore, MemoryStore
from weft.storage.import_jsonl import Importer
from weft.storage.import_langgraph import check_database, import_langgraph
from weft.storage.import_report import BadLine, Drift, ImportReport
from weft.storage.migrate import RULES, check_source, migrate_database

if TYPE_CHECKING:
    from weft.storage.store import TreeStore

__all__ = ["Options", "import_file"]

Source = Literal["jsonl", "langgraph-sqlite", "sql"]

IMPORT_SESSION: Final = "imported"
"""Who owns threads that nobody else owns unless it is said."""


class Options(msgspec.Struct, frozen=True):
    """How to import.

    Attributes:
        source: what the file is.
        session: who is to own the threads of another product, or those of a database
            that no session owns.
        dry_run: change nothing.
        resume: go on where an earlier import of this file stood.
        output: table, json or jsonl.
        quiet: show no progress.
    """

    source: Source = "jsonl"
    session: str | None = None
    dry_run: bool = False
    resume: bool = False
    output: str = "table"
    quiet: bool = False


def import_file(file: Path, data: Place, options: Options) -> int:
    """Import a file into a store.

    Args:
        file: what to import.
        data: the data directory, or the address of a database; created if it is
            missing.
        options: how.

    Returns:
        the exit code.

    Raises:
        NotImportable: the file is not what it is said to be; nothing was touched.
        StoreLocked: somebody has the data directory open.
        OSError: a file cannot be read or written.
        Stopped: a signal said to stop.
    """
    stop = Stop()
    with stop_signals(stop), _progress(options) as show:

        def told(done: int, total: int) -> None:
            stop.check()
            show(done, total)

        report = _WAYS[options.source](file, data, options, told)
    _print(file, report, options)
    return os.EX_DATAERR if report.bad else 0


def _lines(file: Path, data: Place, options: Options, told: Any) -> ImportReport:
    with ExitStack() as stack:
        source = stack.enter_context(file.open("rb"))
        Importer.check(source)  # before the data directory is touched
        below = None
        if options.dry_run:
            scratch = stack.enter_context(TemporaryDirectory(prefix="weft-import-"))
            store: TreeStore = LmdbStore(scratch, sync=False)
            stack.enter_context(closing(store))
            reader = stack.enter_context(_shown(data))
            below = stack.enter_context(reader.read())
        else:
            store = stack.enter_context(closing(alone_at(data)))
        importer = Importer(store, _tell, told, below)
        return importer.run(source, resume=options.resume)


def _langgraph(file: Path, data: Place, options: Options, told: Any) -> ImportReport:
    session = options.session or IMPORT_SESSION
    check_database(file)  # before the data directory is touched
    opened: Any = _shown(data) if options.dry_run else closing(alone_at(data))
    with opened as store:
        return import_langgraph(
            file, store, session, _tell, told, dry_run=options.dry_run
        )


def _sql(file: Path, data: Place, options: Options, told: Any) -> ImportReport:
    check_source(file)  # before the data directory is touched
    opened: Any = _shown(data) if options.dry_run else closing(alone_at(data))
    with opened as store:
        return migrate_database(
            file,
            store,
            _tell_drift,
            told,
            orphans=options.session or IMPORT_SESSION,
            resume=options.resume,
            dry_run=options.dry_run,
        )


_WAYS: Final = {"jsonl": _lines, "langgraph-sqlite": _langgraph, "sql": _sql}


@contextmanager
def _shown(data: Place) -> Generator[Any]:
    """Open what is in a store for reading; nothing if it is not there."""
    if not is_database(data) and not (Path(data) / "store").exists():
        yield MemoryStore()
        return
    with closing(reader_of(data)) as reader:
        yield reader


def _progress(options: Options) -> AbstractContextManager[Show]:
    return progress("import", quiet=options.quiet, output=options.output)


def _tell(bad: BadLine) -> None:
    sys.stderr.write(f"weft: line {bad.line}: {bad.why}\n")


def _tell_drift(found: Drift) -> None:
    ids = [f"session {found.session_id!r}"] if found.session_id is not None else []
    ids += [f"thread {found.thread_id!r}"] if found.thread_id is not None else []
    about = f" ({', '.join(ids)})" if ids else ""
    sys.stderr.write(
        f"weft: {found.table} row {found.row}{about}: {found.kind}: {found.why}: "
        f"{RULES[found.kind]}\n"
    )


def _print(file: Path, report: ImportReport, options: Options) -> None:
    if options.output != "table":
        print_json(report)
        return
    would = "would be " if options.dry_run else ""
    total = sum(report.imported.values())
    rows: list[tuple[str, object]] = [
        ("file", file),
        (f"{would}imported", f"{total:,}"),
    ]
    rows += [(f"  {kind}", f"{count:,}") for kind, count in report.imported.items()]
    rows += [("unchanged", f"{report.unchanged:,}")]
    if report.skipped:
        rows.append(("skipped", f"{report.skipped:,} log entries of another store"))
    if report.resumed_at > 1:
        rows.append(("resumed at", f"line {report.resumed_at:,}"))
    rows += [("kept as is", f"{count:,} {kind}") for kind, count in report.kept.items()]
    repaired = "would be repaired" if options.dry_run else "repaired"
    rows += [(repaired, f"{count:,} {kind}") for kind, count in report.drift.items()]
    rows += [("not read", column) for column in report.ignored]
    rows.append(("broken", f"{report.bad:,}"))
    print_lines(rows)
