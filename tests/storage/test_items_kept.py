"""Items are kept as everything else is: checked, exported, backed up, forgotten."""

from pathlib import Path

import lmdb
import pytest
from msgspec.structs import replace

from tests.storage.client import START_US, Client, dump
from tests.storage.importing import export, load
from tests.storage.invariants import broken
from weft.storage import ItemReader, LmdbStore, MemoryStore, restore
from weft.storage import operations as op
from weft.storage.backup import backup
from weft.storage.check import check
from weft.storage.check_live import LiveCheck
from weft.storage.keys_items import SYSTEM, item_key
from weft.storage.operations import encode_value as raw
from weft.storage.operations_items import PutItem, RemoveItem
from weft.storage.repair import plan_repairs
from weft.storage.retention import Retention
from weft.storage.retention_items import plan_items, plan_round
from weft.storage.rows import Row, read_row, write_row

SECOND_US = 1_000_000
KEEP_ALL = Retention(
    operations_s=None, operations_max=None, tombstones_s=None, associations_s=None
)
PLACES = (("u", "ann"), ("u", "ann", "notes"), ("with.dot\0",), (SYSTEM, "crons"))


@pytest.fixture(autouse=True)
def world(client: Client) -> None:
    """Have items of all sorts, beside a session with a thread."""
    client.do(op.CreateSession(session_id="a"))
    client.do(op.CreateThreads(session_id="a", threads=(op.NewThread("t", "one"),)))
    for number, place in enumerate(PLACES):
        value = raw({"n": number, "at": [None, 1.5, b"bytes"]})
        ttl_us = 10 * SECOND_US if number % 2 else None
        client.do(PutItem(namespace=place, key="k", value=value, ttl_us=ttl_us))
        client.do(PutItem(namespace=place, key=""))


def keys(client: Client) -> list[tuple[str, ...]]:
    with client.store.read() as snapshot:
        reader = ItemReader(snapshot, 0)
        items = [*reader.items(), *reader.items((SYSTEM,))]
        return [(*item.namespace, item.key) for item in items]


# -- counted and checked -------------------------------------------------------------


def test_items_are_counted_as_they_come_and_go(client: Client) -> None:
    assert 8 == client.see(lambda s: s.counters.items)
    client.group(
        PutItem(namespace=PLACES[0], key="k"),
        PutItem(namespace=PLACES[0], key="new"),
        PutItem(namespace=PLACES[0], key="new"),
    )
    assert 9 == client.see(lambda s: s.counters.items)
    assert [] == client.see(broken)


def test_what_comes_and_goes_in_one_group_leaves_what_it_does_in_two() -> None:
    together, apart = Client(MemoryStore()), Client(MemoryStore())
    both = PutItem(namespace=("u",), key="k"), RemoveItem(namespace=("u",), key="k")
    together.group(*both)
    for operation in both:
        apart.do(operation)
    assert dump(apart.store) == dump(together.store)


def test_a_store_with_items_is_sound(client: Client) -> None:
    assert [] == client.see(lambda s: check(s).inconsistencies)
    assert [] == LiveCheck(client.store.read, chunk_entries=3).run().inconsistencies


def test_a_damaged_item_is_named_and_kept_for_who_looks(client: Client) -> None:
    place = item_key(PLACES[0], "k")[-1]
    client.store._write(lambda trees: trees.put_many("K", [(place, b"junk")]))
    report = client.see(check)
    (finding,) = report.inconsistencies
    assert ("damaged_record", ("K", place.hex())) == (finding.kind, finding.items)
    assert [] == list(plan_repairs(report))
    (live,) = LiveCheck(client.store.read, chunk_entries=3).run().inconsistencies
    assert finding.detail == live.detail


def test_an_item_under_the_key_of_another_one_is_damaged(client: Client) -> None:
    mine, other = (item_key(PLACES[n], "k")[-1] for n in (0, 1))

    def swap(trees: object) -> None:
        trees.put_many("K", [(mine, trees.get("K", other))])  # type: ignore[attr-defined]

    client.store._write(swap)
    (finding,) = client.see(lambda s: check(s).inconsistencies)
    assert "damaged_record" == finding.kind


def test_an_item_that_vanished_is_missed(client: Client) -> None:
    place = item_key(PLACES[0], "k")[-1]
    client.store._write(lambda trees: trees.delete("K", place))
    (finding,) = client.see(lambda s: check(s).inconsistencies)
    assert "The counters say items: 8; there are 7." == finding.detail


# -- exported ------------------------------------------------------------------------


def test_items_survive_the_round_trip(client: Client) -> None:
    lines = export(client.store)
    assert 8 == sum(b'"record":"item"' in line for line in lines)
    other = MemoryStore()
    report, bad = load(other, lines)
    assert ([], 8) == (bad, report.imported["item"])
    assert dump(client.store)["K"] == dump(other)["K"]
    assert lines == export(other)


def test_items_come_into_a_store_with_others_once(client: Client) -> None:
    other = Client(MemoryStore())
    other.do(PutItem(namespace=PLACES[0], key="mine"))
    other.do(PutItem(namespace=PLACES[0], key="k", value=raw({"n": "mine"})))
    report, bad = load(other.store, export(client.store))
    assert 7 == report.imported["item"]
    assert ["item 'k' of namespace ('u', 'ann') is there already and differs"] == [
        line.why for line in bad
    ]
    again, _ = load(other.store, export(client.store))
    assert "item" not in again.imported
    assert [] == other.see(lambda s: check(s).inconsistencies)


def test_an_item_that_has_no_place_is_told(client: Client) -> None:
    lines = export(client.store)
    number = next(n for n, line in enumerate(lines) if b'"record":"item"' in line)
    row = read_row(lines[number])
    assert isinstance(row, Row)
    lines[number] = write_row(Row(replace(row.record, namespace=())))
    report, (bad,) = load(MemoryStore(), lines)
    assert 7 == report.imported["item"]
    assert "has no place: A namespace has one part or more" in bad.why


def test_the_export_of_a_session_has_no_items(client: Client) -> None:
    assert not any(b'"record":"item"' in x for x in export(client.store, ["a"]))


# -- on disk -------------------------------------------------------------------------


def test_a_backup_has_the_items(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "data")
    Client(store).do(PutItem(namespace=PLACES[0], key="k"))
    backup(tmp_path / "data", tmp_path / "backup")
    store.close()
    restore(tmp_path / "backup", tmp_path / "other")
    copy = LmdbStore(tmp_path / "other")
    assert [(*PLACES[0], "k")] == keys(Client(copy))
    copy.close()


def test_a_store_from_before_the_items_gets_a_tree_for_them(tmp_path: Path) -> None:
    LmdbStore(tmp_path / "data").close()
    environment = lmdb.open(str(tmp_path / "data" / "store"), max_dbs=16)
    with environment.begin(write=True) as transaction:
        transaction.drop(environment.open_db(b"K", txn=transaction))
    environment.close()
    store = LmdbStore(tmp_path / "data")
    client = Client(store)
    assert [] == keys(client)
    client.do(PutItem(namespace=PLACES[0], key="k"))
    assert [(*PLACES[0], "k")] == keys(client)
    store.close()


# -- forgotten -----------------------------------------------------------------------


def sweep(client: Client, now_us: int, limit: int) -> int:
    """Take a whole round; return in how many plans."""
    cursor: bytes | None = b""
    plans = 0
    while cursor is not None:
        with client.store.read() as snapshot:
            plan = plan_round(snapshot, KEEP_ALL, now_us, cursor, limit)
        assert plan.visited <= limit + 4  # what a history counts for
        if plan.operation is not None:
            client.do(replace(plan.operation, at_us=now_us))
        cursor, plans = plan.cursor, plans + 1
    return plans


@pytest.mark.parametrize("limit", [1, 3, 500])
def test_a_round_forgets_what_is_over_and_nothing_else(
    client: Client, limit: int
) -> None:
    before = keys(client)
    sweep(client, START_US, limit)
    assert before == keys(client)
    sweep(client, START_US + 11 * SECOND_US, limit)
    over = {(*PLACES[n], "k") for n in (1, 3)}
    assert [key for key in before if key not in over] == keys(client)
    assert [] == client.see(broken)


def test_a_plan_about_one_thread_looks_at_no_items(client: Client) -> None:
    late_us = START_US + 11 * SECOND_US
    plan = client.see(lambda s: plan_round(s, KEEP_ALL, late_us, only="t"))
    assert (None, None) == (plan.operation, plan.cursor)


def test_a_damaged_item_does_not_stop_the_round(client: Client) -> None:
    place = item_key(PLACES[0], "k")[-1]
    client.store._write(lambda trees: trees.put_many("K", [(place, b"junk")]))
    plan = client.see(lambda s: plan_items(s, START_US + 11 * SECOND_US))
    assert plan.operation is not None
    assert 2 == len(plan.operation.items)
    assert 8 == plan.visited


def test_the_number_of_items_of_one_operation_is_bounded(client: Client) -> None:
    named = tuple(((("u",), f"k{n}", 1)) for n in range(1001))
    outcome = client.outcome(op.Expire(items=named))
    assert "at most 1000 records, not 1001" in str(outcome.error)
