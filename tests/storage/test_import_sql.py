"""Import of the original system: what is wrong there is told, and does not come."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.storage.client import Client, dump, in_memory
from tests.storage.importing import Lost
from tests.storage.migrating import assert_is_expected, database, load, places
from tests.storage.original import AT_US, Original, build
from tests.storage.original_drift import PLANTS
from weft.storage import InvalidArgument
from weft.storage import operations as op
from weft.storage.check import check
from weft.storage.import_sql_drift import RULES
from weft.storage.migrate import migrate_database
from weft.storage.store import TreeStore

store = pytest.fixture(in_memory)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_drift_of_each_kind_is_told_with_its_place_and_repaired(
    tmp_path: Path, store: TreeStore, plant: Any
) -> None:
    original = Original()
    for number in range(2):
        plant(original, f"at-{number}")
    original.write(tmp_path / "db")
    _, findings = load(store, tmp_path / "db")
    assert original.findings == places(findings)
    assert_is_expected(store, original)


def test_each_kind_of_drift_is_planted_and_documented(repository: Path) -> None:
    original = build(1, PLANTS)
    planted = {kind for kind, _, _ in original.findings}
    assert RULES.keys() - {"refused_row"} == planted
    page = (repository / "docs" / "import-export.md").read_text()
    assert [] == [kind for kind in RULES if f"| `{kind}` |" not in page]


@pytest.fixture
def mixed(tmp_path: Path) -> tuple[Path, Original]:
    """Return a database with all plants in it."""
    original = build(1_000, PLANTS)
    original.write(tmp_path / "original.db")
    return tmp_path / "original.db", original


def test_all_together_come_to_the_expected_image(
    store: TreeStore, mixed: tuple[Path, Original]
) -> None:
    path, original = mixed
    before = path.read_bytes()
    report, findings = load(store, path)
    assert original.findings == places(findings)
    assert_is_expected(store, original)
    expected = {kind: len(records) for kind, records in original.image.items()}
    assert expected == report.imported
    assert before == path.read_bytes()


def test_a_second_migration_applies_nothing_whatever_the_time(
    store: TreeStore, mixed: tuple[Path, Original]
) -> None:
    first, findings = load(store, mixed[0])
    before = dump(store)
    again, found = load(store, mixed[0], now_us=AT_US + 1)
    assert ({}, findings) == (again.imported, found)
    assert (first.drift, first.bad) == (again.drift, again.bad)
    assert before == dump(store)


def test_a_dry_run_tells_the_same_and_changes_nothing(
    store: TreeStore, mixed: tuple[Path, Original]
) -> None:
    before = dump(store)
    rehearsed = load(store, mixed[0], dry_run=True)
    assert before == dump(store)
    assert rehearsed == load(store, mixed[0])
    rehearsed = load(store, mixed[0], dry_run=True)
    assert rehearsed == load(store, mixed[0])


@pytest.mark.parametrize("resume", [True, False])
def test_an_interrupted_migration_ends_in_the_same_image(
    store: TreeStore, mixed: tuple[Path, Original], resume: bool
) -> None:
    path, original = mixed

    def lose(done: int, total: int) -> None:
        assert done <= total
        if any(True for _ in store_records()):
            raise Lost

    def store_records() -> list[str]:
        return Client(store).see(lambda s: [t.thread_id for t in s.threads("s-000001")])

    with pytest.raises(Lost):
        migrate_database(
            path, store, lambda _: None, lose, orphans="orphans", now_us=AT_US
        )
    halfway = Client(store).see(lambda s: check(s, thorough=True))
    assert halfway.clean
    assert 0 < halfway.threads < len(original.image["thread"])
    report, findings = load(store, path, now_us=AT_US + 5, resume=resume)
    assert resume == (report.resumed_at > 1)
    assert original.findings == places(findings)
    assert_is_expected(store, original)


def test_a_source_that_has_changed_is_looked_at_from_the_beginning(
    store: TreeStore, mixed: tuple[Path, Original]
) -> None:
    load(store, mixed[0])
    database(mixed[0], "INSERT INTO sessions (session_id) VALUES ('0-new')")
    report, _ = load(store, mixed[0], resume=True)
    assert ({"session": 1}, 1) == (report.imported, report.resumed_at)


# -- into a store that has something -------------------------------------------------


def test_what_is_there_and_differs_is_told_and_never_changed(
    client: Client, mixed: tuple[Path, Original]
) -> None:
    client.do(op.CreateSession(session_id="s-000001", user_id="mine"))
    thread = op.NewThread("t-000001-0", "mine")
    client.do(op.CreateThreads(session_id="s-000001", threads=(thread,)))
    report, findings = load(client.store, mixed[0])
    refused = [f for f in findings if f.kind == "refused_row"]
    assert [
        ("s-000001", None, "session 's-000001' is there already and differs"),
        ("s-000001", "t-000001-0", "thread 't-000001-0' is there already and differs"),
    ] == [(f.session_id, f.thread_id, f.why) for f in refused]
    assert report.bad > 2
    found = client.see(lambda s: s.thread("t-000001-0"))
    assert found is not None
    assert "mine" == found.thread_name
    assert [] == client.see(lambda s: check(s, thorough=True)).inconsistencies


def test_the_session_for_orphans_may_be_there(tmp_path: Path, client: Client) -> None:
    original = Original()
    next(plant for plant in PLANTS if plant.__name__ == "thread_without_owner")(
        original, "at"
    )
    original.write(tmp_path / "db")
    client.do(op.CreateSession(session_id="orphans", user_id="mine"))
    report, findings = load(client.store, tmp_path / "db")
    assert (0, 1) == (report.bad, len(findings))
    owned = client.see(lambda s: [t.thread_id for t in s.threads("orphans")])
    assert ["at-t"] == owned


def test_a_session_id_for_orphans_that_cannot_be_used_is_refused(
    store: TreeStore, mixed: tuple[Path, Original]
) -> None:
    with pytest.raises(InvalidArgument, match="session id is empty"):
        load(store, mixed[0], orphans="")


# -- at full size --------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_thousand_associations_come_to_the_expected_image(
    tmp_path: Path, lmdb_store: TreeStore
) -> None:
    original = build(100_000, PLANTS)
    original.write(tmp_path / "original.db")
    shutil.copy(tmp_path / "original.db", tmp_path / "before.db")
    _, findings = load(lmdb_store, tmp_path / "original.db")
    assert original.findings == places(findings)
    assert_is_expected(lmdb_store, original)
    before = (tmp_path / "before.db").read_bytes()
    assert before == (tmp_path / "original.db").read_bytes()
