"""Import of a database that the real checkpointer made (see langgraph/make.py)."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.storage.client import Client, dump, in_memory
from tests.storage.importing import no_database
from tests.storage.invariants import broken
from weft.storage import InvalidArgument, MemoryStore, State
from weft.storage import operations as op
from weft.storage.import_langgraph import import_langgraph
from weft.storage.import_report import BadLine, ImportReport, NotImportable
from weft.storage.records import NIL
from weft.storage.store import TreeStore

DATABASE = Path(__file__).parent / "langgraph" / "checkpoints.db"

store = pytest.fixture(in_memory)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a copy of the database, to be changed."""
    return Path(shutil.copy(DATABASE, tmp_path / "copy.db"))


def change(database: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement, values)


def load(
    store: TreeStore, path: Path = DATABASE, *, dry_run: bool = False
) -> tuple[ImportReport, list[str]]:
    bad: list[BadLine] = []
    report = import_langgraph(path, store, "lg", bad.append, dry_run=dry_run)
    with store.read() as snapshot:
        assert [] == broken(snapshot)
    assert len(bad) == report.bad
    return report, [line.why for line in bad]


def newest(client: Client, name: str) -> State:
    thread_id = client.see(lambda s: dict(s.names("lg")))[name]
    state = client.see(lambda s: s.state(thread_id))
    assert state is not None
    return state


def test_every_thread_and_namespace_becomes_a_thread_of_the_session(
    client: Client,
) -> None:
    report, bad = load(client.store)
    assert ({"thread": 4, "state": 4}, []) == (report.imported, bad)
    names = client.see(lambda s: [name for name, _ in s.names("lg")])
    assert ["counter", "counter|child:1", "leer \N{SNOWMAN}", "types"] == names
    thread = client.see(lambda s: s.thread("counter"))
    assert thread is not None
    origin = thread.metadata["langgraph"]
    assert ("counter", "") == (origin["thread_id"], origin["checkpoint_ns"])


def test_the_newest_of_several_checkpoints_is_the_state(client: Client) -> None:
    load(client.store)
    state = newest(client, "counter")
    assert ({"count": 2}, 1) == (state.values, state.step)
    about = state.metadata["langgraph"]
    assert state.state_id == about["checkpoint_id"]
    assert {"source": "loop", "step": 2, "parents": {}} == about["metadata"]


def test_values_are_plain_and_what_is_not_keeps_its_types_name(client: Client) -> None:
    report, _ = load(client.store)
    values = newest(client, "types").values
    messages = values.pop("messages")
    assert {
        "plain": {"a": [1, 2.5, None, True], "b": "text", "raw": b"\x00\xff"},
        "uuid": "00000000-0000-0000-0000-000000000007",
        "decimal": "1.50",
        "moment": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        "local": "2026-01-02T03:04:05",
        "date": "2026-01-02",
        "time": "03:04:05",
        "span": {"type": "datetime.timedelta", "value": [1, 2, 0]},
        "set": [1],
        "frozen": ["x"],
        "queue": [1, 2],
        "path": "a/b",
        "address": "127.0.0.1",
        "colour": {"type": "__main__.Colour", "value": "red"},
        "order": {"type": "__main__.Order", "value": {"number": 3, "items": ["tea"]}},
    } == values
    assert ["hello", "hi"] == [message["value"]["content"] for message in messages]
    assert 2 == report.kept["langchain_core.messages.human.HumanMessage"]


def test_what_is_not_state_is_kept_beside_it(client: Client) -> None:
    load(client.store)
    about = newest(client, "types").metadata["langgraph"]
    internal = {"branch:to:agent": None, "__start__": {"x": 1}}
    assert internal == about["internal_channels"]
    (count, message) = about["pending_writes"]
    assert ["task-1", "count", 4] == count
    assert "late" == message[2]["value"]["content"]


def test_a_second_import_applies_nothing(client: Client) -> None:
    load(client.store)
    before = dump(client.store)
    report, bad = load(client.store)
    assert ({}, 4, []) == (report.imported, report.unchanged, bad)
    assert before == dump(client.store)


def test_a_thread_that_has_worked_since_is_still_known(client: Client) -> None:
    load(client.store)
    for n in range(3):
        client.do(op.AppendState(thread_id="counter", state_id=f"s{n}", values=NIL))
    client.do(
        op.TransferThreads(
            thread_ids=("counter",), to_session_id="other", create_session=True
        )
    )
    assert 4 == load(client.store)[0].unchanged


def test_a_dry_run_tells_the_same_and_changes_nothing(client: Client) -> None:
    before = dump(client.store)
    rehearsed = load(client.store, dry_run=True)
    assert before == dump(client.store)
    assert rehearsed == load(client.store)


def test_a_thread_that_is_there_and_differs_is_told_and_left_alone(
    client: Client, database: Path
) -> None:
    load(client.store)
    change(
        database,
        "UPDATE checkpoints SET checkpoint_id = 'zz' WHERE thread_id = 'types'",
    )
    before = dump(client.store)
    report, bad = load(client.store, database)
    assert 3 == report.unchanged
    assert ["thread 'types': a thread of this id is there already and differs"] == bad
    assert before == dump(client.store)


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("type", "pickle", "could run code"),
        ("type", "msgpack+aes", "not decoded"),
        ("checkpoint", b"\x81", "damaged"),
        ("checkpoint", b"\x01", "no mapping"),
        ("metadata", b"{", "no JSON"),
        ("thread_id", "x" * 101, "101 UTF-8 bytes"),
        ("thread_id", "a\nb", "control characters"),
        ("thread_id", b"bytes", "no text"),
        ("checkpoint_id", "", "empty"),
    ],
)
def test_a_broken_row_is_told_and_the_rest_goes_on(
    client: Client, database: Path, column: str, value: Any, why: str
) -> None:
    statement = f"UPDATE checkpoints SET {column} = ? WHERE thread_id = 'types'"  # noqa: S608
    change(database, statement, value)
    report, bad = load(client.store, database)
    assert 3 == report.imported["thread"]
    (words,) = bad
    assert why in words


def test_a_session_that_is_closed_takes_no_thread(client: Client) -> None:
    client.do(op.CreateSession(session_id="lg"))
    client.do(op.CloseSession(session_id="lg"))
    for dry_run in (True, False):
        report, bad = load(client.store, dry_run=dry_run)
        assert ({}, 4) == (report.imported, report.bad)
        assert "thread 'counter': Session 'lg' is closed." == bad[0]


def empty_database(path: Path) -> None:
    path.unlink()
    change(path, "CREATE TABLE other (x)")


def no_writes(path: Path) -> None:
    change(path, "DROP TABLE writes")


def old_schema(path: Path) -> None:
    change(path, "ALTER TABLE checkpoints RENAME COLUMN checkpoint_ns TO ns")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_database, "not a readable database"),
        (empty_database, "Table checkpoints of the database is missing"),
        (no_writes, "Table writes of the database is missing"),
        (old_schema, "has no checkpoint_ns"),
    ],
)
def test_what_is_no_such_database_is_refused(
    database: Path, spoil: Any, words: str
) -> None:
    spoil(database)
    with pytest.raises(NotImportable, match=words):
        load(MemoryStore(), database)


def test_a_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(MemoryStore(), tmp_path / "none.db")
    assert [] == list(tmp_path.iterdir())


def test_a_session_id_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="session id is empty"):
        import_langgraph(DATABASE, MemoryStore(), "", lambda _: None)
