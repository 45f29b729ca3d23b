"""Kill -9 in the middle of an import, again and again: the end is the same.

Each import runs in a child of its own, which is killed when it has reported progress
so many times: where it halts for it, or wherever it is by then, reading, deciding,
writing, syncing. What it leaves must be sound; the last run must end in the image of
one that nobody disturbed.
"""

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from tests.daemon.child import environment
from tests.storage.client import Client
from tests.storage.import_killed import LAST, bring
from tests.storage.invariants import broken
from tests.storage.original import AT_US, build
from tests.storage.original_drift import PLANTS
from tests.storage.samples import build_world
from tests.storage.test_import_langgraph import DATABASE
from weft.storage import LmdbStore, MemoryStore
from weft.storage import operations as op
from weft.storage.check import check
from weft.storage.codec import decode
from weft.storage.export import export_lines
from weft.storage.keys import TREES
from weft.storage.records import NIL

DEADLINE_S = 30
FORMS = ("jsonl", "jsonl-beside", "langgraph", "sql")


def lines_of(path: Path, size: int) -> None:
    """Write an export: owners of the past, busy threads, states, closed runs."""
    client = Client(MemoryStore())
    build_world(client)
    for number in range(size // 100):
        threads = tuple(op.NewThread(f"t{number}-{n}", f"n{n}") for n in range(100))
        client.do(
            op.CreateThreads(
                session_id=f"s{number}", threads=threads, create_session=True
            )
        )
        ids = tuple(thread.thread_id for thread in threads)
        client.do(
            op.TransferThreads(
                thread_ids=ids[:30], to_session_id=f"p{number}", create_session=True
            )
        )
        client.group(
            *(op.StartRun(thread_id=i, run_id=f"r-{i}", workflow="w") for i in ids[:9])
        )
        client.group(
            *(op.AppendState(thread_id=i, state_id="s", values=NIL) for i in ids[:50])
        )
    lines = client.see(lambda s: list(export_lines(s, 1)))
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def checkpoints_of(path: Path, size: int) -> None:
    """Write a database of LangGraph's: the one there is, many times."""
    shutil.copy(DATABASE, path)
    with closing(sqlite3.connect(path)) as database, database:
        for table in ("checkpoints", "writes"):
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            rest = ", ".join(name for name in names if name != "thread_id")
            database.execute(
                f"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n "  # noqa: S608
                f"WHERE x < {size // 4}) INSERT INTO {table} (thread_id, {rest}) "
                f"SELECT thread_id || '-' || x, {rest} FROM {table}, n"
            )


def rows_of(path: Path, size: int) -> None:
    """Write a database of the original system, drift and all."""
    build(size, PLANTS).write(path)


def source_of(form: str, path: Path, size: int) -> Path:
    make = {"langgraph": checkpoints_of, "sql": rows_of}.get(form, lines_of)
    make(path, size)
    return path


def prepared(form: str, data: Path) -> Path:
    """Return a data directory as it is before the import."""
    with closing(LmdbStore(data)) as store:
        if form == "jsonl-beside":
            operation = op.CreateSession(session_id="mine", op_id="x", at_us=AT_US)
            store.apply([operation])
    return data


def killed(words: tuple[str, Path, Path, str], reports: int, *, halts: bool) -> bool:
    """Import, kill, and return whether that was before the end.

    Args:
        words: form, source, data directory, how.
        reports: of progress, after which the child is killed.
        halts: whether it waits for it.
    """
    halt = str(reports if halts else 0)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.storage.import_killed", *map(str, words), halt],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        said = list(islice(child.stdout, reports))
        child.kill()
        said += list(child.stdout)
        assert child.wait(DEADLINE_S) in {0, -signal.SIGKILL}
    return not any(line.startswith(LAST) for line in said)


def image(form: str, data: Path) -> dict[str, list[Any]]:
    """Return what a store holds but for the log's ids, and times that are the clock's.

    Only LangGraph's threads are created anew: all others bring their times along.
    """
    with closing(LmdbStore(data)) as store, store.read() as snapshot:
        assert [] == broken(snapshot)
        found: dict[str, list[Any]] = {}
        for tree in TREES:
            if tree not in {"L", "O", "M"}:
                entries = list(snapshot.entries(tree))
                timed = form == "langgraph"
                found[tree] = (
                    [timeless(tree, *e) for e in entries] if timed else entries
                )
    return found


def timeless(tree: str, key: bytes, value: bytes) -> Any:
    record: Any = decode(tree, key, value)
    names = getattr(record, "__struct_fields__", ())
    times = {name: 0 for name in names if name.endswith("_at_us")}
    return key, replace(record, **times) if times else record


def assert_sound(data: Path) -> int:
    """Check what an import has left; return how many threads and states it has."""
    with closing(LmdbStore(data)) as store, store.read() as snapshot:
        report = check(snapshot, thorough=True)
        assert [] == report.inconsistencies
        return report.threads + report.states


class Ends(NamedTuple):
    """What is there after an import that nobody disturbed, and after a killed one."""

    whole: Any
    killed: Any


def ends_of(folder: Path, form: str, how: str, size: int, kills: int) -> Ends:
    """Import a source of some size without kills, and with so many."""
    source = source_of(form, folder / "source", size)
    whole, data = prepared(form, folder / "whole"), prepared(form, folder / "data")
    reports: list[tuple[int, int]] = []
    first = bring(form, source, whole, lambda *numbers: reports.append(numbers))
    words = (form, source, data, how)
    assert killed(words, len(reports) - 2, halts=True)
    some = assert_sound(data)
    for number in range(kills - 1):
        killed(words, 1 + number * len(reports) // kills, halts=False)
        assert_sound(data)
    last = bring(form, source, data, lambda *_: None, resume=how == "resume")
    assert first.bad >= last.bad
    assert 0 < some < assert_sound(whole)
    return Ends(image(form, whole), image(form, data))


@pytest.mark.parametrize(
    ("form", "how"),
    [
        ("jsonl", "resume"),
        ("jsonl-beside", "anew"),
        ("langgraph", "anew"),
        ("sql", "resume"),
        ("sql", "anew"),
    ],
)
def test_an_import_that_is_killed_on_its_way_ends_in_the_same_image(
    tmp_path: Path, form: str, how: str
) -> None:
    ends = ends_of(tmp_path, form, how, 600, 2)
    assert ends.whole == ends.killed


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["anew", "resume"])
@pytest.mark.parametrize("form", FORMS)
def test_an_import_that_is_killed_again_and_again_ends_in_the_same_image(
    tmp_path: Path, form: str, how: str
) -> None:
    ends = ends_of(tmp_path, form, how, 6_000, 12)
    assert ends.whole == ends.killed
