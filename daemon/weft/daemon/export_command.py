"""``weft export``: a store as lines of JSON, beside its owner.

Guarantees: one moment of the store, also while a daemon writes it; a file appears
whole or not at all, and never over another; stdout carries nothing but the export.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from weft.daemon.places import Place, reader_of
from weft.daemon.progress import Show, progress
from weft.daemon.stop import Stop, stop_signals
from weft.storage.export import whole_file, write_export
from weft.storage.snapshot import Snapshot
from weft.storage.store import clock_us

__all__ = ["export"]


def export(data: Place, out: Path | None, sessions: Sequence[str], quiet: bool) -> None:
    """Export a store.

    Args:
        data: the data directory, or the address of a database.
        out: the file to make; None for stdout.
        sessions: only these; none for the whole store.
        quiet: show no progress.

    Raises:
        FileExistsError: there is such a file.
        SessionNotFound: there is no such session.
        StoreCorrupt: it is not a store, or a record is damaged; no file was made.
        OSError: it could not be written; no file was made.
        Stopped: a signal said to stop; no file was made.
    """
    stop = Stop()
    with (
        stop_signals(stop),
        closing(reader_of(data)) as reader,
        reader.read() as snapshot,
        progress("export", quiet=quiet) as show,
    ):

        def told(done: int, total: int) -> None:
            stop.check()
            show(done, total)

        chosen = list(sessions) or None
        if out is None:
            _to_stdout(snapshot, chosen, told)
        else:
            with whole_file(out) as file:
                write_export(snapshot, file, clock_us(), chosen, told)


def _to_stdout(snapshot: Snapshot, sessions: list[str] | None, told: Show) -> None:
    try:
        write_export(snapshot, sys.stdout.buffer, clock_us(), sessions, told)
    except BrokenPipeError:
        # What is left in the buffer goes nowhere, or Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
