"""The contract of engines: ordered trees under transactions, on disk as in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.storage.engine import Engine, Item
from weft.storage.keys import TREES
from weft.storage.lmdb import LmdbEngine
from weft.storage.memory import MemoryEngine


@pytest.fixture(params=["memory", "lmdb"])
def engine(request: pytest.FixtureRequest, tmp_store: Path) -> Iterator[Engine]:
    """Return an empty engine, of each kind."""
    made: Engine
    made = MemoryEngine() if request.param == "memory" else LmdbEngine(tmp_store)
    yield made
    made.close()


def put(engine: Engine, *keys: bytes, tree: str = "T") -> None:
    with engine.write() as transaction:
        transaction.put_many(tree, [(key, b"v" + key) for key in keys])


def scan(engine: Engine, prefix: bytes = b"", **options: object) -> list[bytes]:
    with engine.read() as transaction:
        items: Iterator[Item]
        items = transaction.scan("T", prefix, **options)  # type: ignore[arg-type]
        return [key for key, _ in items]


def test_what_was_put_is_found(engine: Engine) -> None:
    put(engine, b"a", b"b")
    put(engine, b"a", tree="S")
    with engine.write() as transaction:
        transaction.put_many("T", [(b"a", b"new")])
        assert b"new" == transaction.get("T", b"a")
    with engine.read() as transaction:
        assert [b"new", b"vb", None] == [
            transaction.get("T", k) for k in (b"a", b"b", b"c")
        ]
        assert b"va" == transaction.get("S", b"a")


def test_what_was_deleted_is_gone_and_deleting_nothing_is_no_error(
    engine: Engine,
) -> None:
    put(engine, b"a", b"b")
    with engine.write() as transaction:
        transaction.delete("T", b"a")
        transaction.delete("T", b"a")
        transaction.delete("S", b"a")
        assert transaction.get("T", b"a") is None
    assert [b"b"] == scan(engine)


def test_a_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    put(engine, b"a")

    def fail() -> None:
        with engine.write() as transaction:
            transaction.put_many("T", [(b"b", b"")])
            transaction.delete("T", b"a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [b"a"] == scan(engine)
    put(engine, b"c")
    assert [b"a", b"c"] == scan(engine)


def test_a_reader_sees_one_moment(engine: Engine) -> None:
    put(engine, b"a")
    with engine.read() as transaction:
        put(engine, b"b")
        with engine.write() as writing:
            writing.delete("T", b"a")
        assert [(b"a", b"va")] == list(transaction.scan("T"))
        assert transaction.get("T", b"b") is None
    assert [b"b"] == scan(engine)


def test_entries_may_be_deleted_while_they_are_listed(engine: Engine) -> None:
    put(engine, b"a", b"b", b"c")
    with engine.write() as transaction:
        for key, _ in list(transaction.scan("T")):
            transaction.delete("T", key)
        assert [] == list(transaction.scan("T"))


def test_the_statistics_count_entries_by_tree(engine: Engine) -> None:
    put(engine, b"a", b"b")
    put(engine, b"a", tree="L")
    found = engine.statistics()
    assert dict.fromkeys(TREES, 0) | {"T": 2, "L": 1} == found.entries
    engine.grow()
    assert found.map_size_bytes <= engine.statistics().map_size_bytes


bits = st.binary(max_size=3).map(
    lambda data: bytes(b"\x00\x01\x7f\xff"[x % 4] for x in data)
)


def test_a_reverse_scan_from_beyond_its_prefix_begins_at_the_prefixs_end(
    engine: Engine,
) -> None:
    put(engine, b"a", b"a1", b"b")
    assert [b"a1", b"a"] == scan(engine, b"a", start=b"c", reverse=True)


@given(
    st.sets(bits.filter(bool), max_size=20),
    bits,
    st.none() | bits.filter(bool),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_scan_is_a_slice_of_the_sorted_keys(
    engine: Engine,
    keys: set[bytes],
    prefix: bytes,
    start: bytes | None,
    reverse: bool,
) -> None:
    with engine.write() as transaction:
        for key, _ in list(transaction.scan("T")):
            transaction.delete("T", key)
    put(engine, *keys)
    expected = [key for key in sorted(keys) if key.startswith(prefix)]
    if start is not None and reverse:
        expected = [key for key in expected if key < start]
    elif start is not None:
        expected = [key for key in expected if key >= start]
    found = scan(engine, prefix, start=start, reverse=reverse)
    assert (expected[::-1] if reverse else expected) == found
