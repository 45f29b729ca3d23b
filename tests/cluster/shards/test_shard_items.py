"""Items over shards: any of them may write one, and all see one truth."""

from concurrent.futures import ThreadPoolExecutor

from tests.cluster.local import LocalCluster, ids_on
from tests.cluster.shards.looking import WAIT_S
from weft.storage import new_id
from weft.storage.check import check

PUTS = 10


def put_often(shard: int, cluster: LocalCluster, place: str) -> None:
    """Have a shard itself put an item again and again, as its graphs do."""
    items = cluster.post.shards[shard].runtime.coordinator
    for n in range(PUTS):
        items.put_item((place,), "k", {"n": n}).get(timeout=WAIT_S)


def roots(number: int) -> list[str]:
    """Return first parts of namespaces, as many for each of the two shards."""
    prefix = new_id()
    return [part for shard in (0, 1) for part in ids_on(shard, 2, number, prefix)]


def test_items_are_put_on_the_shard_of_their_first_part_and_seen_by_all(
    cluster: LocalCluster,
) -> None:
    items = cluster.runtime.coordinator
    before = [shard.runtime.store.seq for shard in cluster.post.shards.values()]
    places = roots(3)
    for place in places:
        items.put_item((place, "x"), "k", {"at": place}, ttl_s=600).get(timeout=WAIT_S)
    after = [shard.runtime.store.seq for shard in cluster.post.shards.values()]
    assert [3, 3] == [new - old for new, old in zip(after, before, strict=True)]
    for place in places:
        item = items.item((place, "x"), "k", refresh_ttl=True).get(timeout=WAIT_S)
        assert item is not None
        assert {"at": place} == item.value
    listed = items.list_namespaces(suffix=("x",), limit=1000).get(timeout=WAIT_S)
    assert {(place, "x") for place in places} <= set(listed)


def test_a_repeated_put_has_one_effect(cluster: LocalCluster) -> None:
    items, (place, _) = cluster.runtime.coordinator, roots(1)
    op_id = new_id()
    items.put_item((place,), "k", {"n": 1}, op_id=op_id).get(timeout=WAIT_S)
    items.remove_item((place,), "k").get(timeout=WAIT_S)
    items.put_item((place,), "k", {"n": 1}, op_id=op_id).get(timeout=WAIT_S)
    assert items.item((place,), "k").get(timeout=WAIT_S) is None


def test_shards_that_write_one_item_at_once_both_succeed(
    cluster: LocalCluster,
) -> None:
    place, _ = roots(1)
    with ThreadPoolExecutor(2) as pool:
        shards = [pool.submit(put_often, shard, cluster, place) for shard in (0, 1)]
        for done in shards:
            done.result(timeout=WAIT_S)
    item = cluster.runtime.coordinator.item((place,), "k").get(timeout=WAIT_S)
    assert item is not None
    assert {"n": PUTS - 1} == item.value


def test_after_all_of_this_the_database_is_consistent(cluster: LocalCluster) -> None:
    with cluster.runtime.store.read() as snapshot:
        assert [] == check(snapshot).inconsistencies
        assert 7 == snapshot.counters.items
    assert [] == cluster.defects
