"""The check says what is wrong with a damaged store, and nothing else.

What was planted is known: the oracle beside the check. The invariants told from the
bytes (`invariants.broken`), which know nothing of it, are the one of sound stores.
"""

from collections import Counter
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.storage.checking import (
    check_store,
    clone_in_memory,
    clone_on_disk,
    entries_of,
    told,
)
from tests.storage.client import Client
from tests.storage.planting import PLANTERS, Planted, plant
from tests.storage.workload import Workload
from weft.storage import LmdbStore, MemoryStore
from weft.storage.check import KINDS
from weft.storage.check_live import LiveCheck


@pytest.fixture(scope="module")
def lmdb_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("original")
    store = LmdbStore(directory, map_size_bytes=1 << 24, sync=False)
    Workload(Client(store), seed=1).run(1200)
    store.close()
    return directory


def test_the_second_pass_alone_finds_nothing_in_a_sound_store(
    original: MemoryStore,
) -> None:
    # A planted entry forces it; what it finds beyond that would be its own mistake.
    store = clone_in_memory(original)
    planted = plant(store, ["live_index_of_nothing"])
    assert Counter(planted) == told(check_store(store))


@pytest.mark.parametrize("name", PLANTERS)
def test_a_damage_is_found_and_nothing_else(original: MemoryStore, name: str) -> None:
    store = clone_in_memory(original)
    planted = plant(store, [name])
    assert Counter(planted) == told(check_store(store))


@pytest.mark.parametrize("name", PLANTERS)
def test_a_damage_on_disk_is_found_and_nothing_else(
    lmdb_original: Path, tmp_path: Path, name: str
) -> None:
    with clone_on_disk(lmdb_original, tmp_path / "clone") as store:
        planted = plant(store, [name])
        assert Counter(planted) == told(check_store(store))


def test_every_kind_of_inconsistency_has_a_planter(
    original: MemoryStore,
) -> None:
    kinds = {
        planted.kind
        for name in PLANTERS
        for planted in plant(clone_in_memory(original), [name])
    }
    assert set(KINDS) - {"expired_association"} == kinds


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.sampled_from(sorted(PLANTERS.keys() - {"damaged_counters"})),
        min_size=2,
        max_size=12,
        unique=True,
    )
)
def test_of_many_damages_each_is_found_and_nothing_else(
    original: MemoryStore, names: list[str]
) -> None:
    store = clone_in_memory(original)
    planted = plant(store, names)
    assert Counter(planted) == told(check_store(store))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_entry_can_vanish_unnoticed(
    original: MemoryStore, data: st.DataObject
) -> None:
    store = clone_in_memory(original)
    tree, key = data.draw(st.sampled_from(entries_of(store)))
    with store._engine.write() as trees:
        trees.delete(tree, key)
    found = check_store(store).inconsistencies
    assert found, (tree, key)


@settings(max_examples=30, deadline=None)
@given(st.data(), st.integers(0, 1 << 20))
def test_no_bit_of_a_value_can_flip_unnoticed(
    original: MemoryStore, data: st.DataObject, bit: int
) -> None:
    store = clone_in_memory(original)
    tree, key = data.draw(st.sampled_from(entries_of(store)))
    with store._engine.write() as trees:
        value = bytearray(trees.get(tree, key) or b"")
        value[bit // 8 % len(value)] ^= 1 << bit % 8
        trees.put_many(tree, [(key, bytes(value))])
    (finding,) = check_store(store).inconsistencies
    assert "damaged_record" == finding.kind


def test_a_key_of_no_known_form_is_a_damaged_record(
    original: MemoryStore,
) -> None:
    store = clone_in_memory(original)
    with store._engine.write() as trees:
        for tree in ("S", "T", "X", "C", "I", "K", "O"):
            trees.put_many(tree, [(b"\x07nonsense", b"nonsense")])
    report = check_store(store)
    assert Counter({Planted("damaged_record", None, None): 7}) == told(report)


@pytest.mark.parametrize("tree", ["S", "T", "L", "O"])
def test_a_value_too_short_for_its_kind_is_a_damaged_record(
    original: MemoryStore, tree: str
) -> None:
    store = clone_in_memory(original)
    with store._engine.write() as trees:
        for key, value in list(trees.scan(tree))[5:200:20]:
            body = value[:1] + b"\x90"  # an empty array, with a right checksum
            short = body + crc32(body, crc32(key, crc32(tree.encode()))).to_bytes(
                4, "little"
            )
            trees.put_many(tree, [(key, short)])
    for report in (check_store(store), LiveCheck(store.read).run()):
        damaged = [f for f in report.inconsistencies if f.kind == "damaged_record"]
        assert 10 == len(damaged)
