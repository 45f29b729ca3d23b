"""Import in this process, to be killed on the way.

``python -m tests.storage.import_killed FORM SOURCE DATA HOW HALT``: a line goes out
for each report of progress; whoever reads them knows where to kill. HOW is ``resume``
or ``anew``. At the report of number HALT nothing goes on; 0 is none. The last line is
the import's report.
"""

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from tests.storage.original import AT_US
from weft.storage import LmdbStore
from weft.storage.import_jsonl import Importer
from weft.storage.import_langgraph import import_langgraph
from weft.storage.import_report import ImportReport
from weft.storage.migrate import migrate_database

LAST = "report "


def bring(
    form: str,
    path: Path,
    data: Path,
    progress: Callable[[int, int], None],
    *,
    resume: bool = False,
) -> ImportReport:
    """Import a file of a form into a data directory."""

    def tell(_: Any) -> None:
        return

    with closing(LmdbStore(data)) as store:
        if form == "langgraph":
            return import_langgraph(path, store, "lg", tell, progress)
        if form == "sql":
            how: dict[str, Any] = {"orphans": "orphans", "now_us": AT_US}
            return migrate_database(path, store, tell, progress, resume=resume, **how)
        with path.open("rb") as file:
            return Importer(store, tell, progress).run(file, resume=resume)


def main(form: str, source: str, data: str, how: str, halt: str) -> None:
    """Import until the end comes."""
    said = 0

    def say(done: int, total: int) -> None:
        nonlocal said
        said += 1
        sys.stdout.write(f"{done} {total}\n")
        sys.stdout.flush()
        if said == int(halt):
            sys.stdin.read()

    report = bring(form, Path(source), Path(data), say, resume=how == "resume")
    sys.stdout.write(LAST + msgspec.json.encode(report).decode() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
