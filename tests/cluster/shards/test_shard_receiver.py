"""What a shard makes of news that come beside the feeds of its own writer."""

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.cluster.local import LocalCluster
from tests.cluster.shards.looking import WAIT_S, create, names, remembered
from weft.cluster.reading import Reading
from weft.cluster.shard_news import Changed, Wake
from weft.storage import CreateThreads, NewThread, Outcome, new_id


@contextmanager
def held_back(cluster: LocalCluster, shard: int) -> Generator[threading.Event]:
    """Let a shard's next commits be durable, and nobody of it hear of them yet."""
    store = cluster.post.shards[shard].runtime.store
    committed, opened, tell = threading.Event(), threading.Event(), store.tell

    def wait(outcomes: Sequence[Outcome]) -> None:
        committed.set()
        assert opened.wait(WAIT_S)
        tell(outcomes)

    store.tell = wait
    try:
        yield committed
    finally:
        store.tell = tell
        opened.set()


def test_an_own_feed_that_comes_late_has_not_the_last_word(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    """A thread that is made here has left, before its session hears that it came."""
    here, there = pair
    create(cluster, here, "stays")
    coordinator, thread_id = cluster.runtime.coordinator, new_id()
    with held_back(cluster, 0) as committed:
        made = coordinator.create_thread_with_session(
            here, {}, "goes", thread_id=thread_id
        )
        assert committed.wait(WAIT_S)
        moved = coordinator.transfer_thread_between_sessions(thread_id, here, there)
        assert there == moved.get(timeout=WAIT_S).session_id
        receive = cluster.post.shards[0].runtime.receive
        heard = receive(Changed((), names=((here, "goes"),)))
        receive(Wake(())).result(WAIT_S)  # its turn came behind
        assert not heard.done()
    assert thread_id == made.get(timeout=WAIT_S)
    heard.result(WAIT_S)
    assert {"stays"} == set(remembered(cluster)[here])
    assert {"goes": thread_id} == remembered(cluster)[there]


def test_names_that_were_swapped_between_shards_are_known_on_both(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    ids = {one: create(cluster, one, "notes") for one in pair}
    move = cluster.runtime.coordinator.transfer_thread_between_sessions
    move(ids[here], here, there, "guest").get(timeout=WAIT_S)
    move(ids[there], there, here).get(timeout=WAIT_S)
    assert {"notes": ids[there]} == remembered(cluster)[here]
    assert {"guest": ids[here]} == remembered(cluster)[there]


def test_news_of_a_thread_do_not_have_the_whole_session_read_again(
    cluster: LocalCluster, pair: tuple[str, str], monkeypatch: Any
) -> None:
    here, there = pair
    for n in range(3):
        create(cluster, here, f"t{n}")
    thread_id = create(cluster, here, "goes")
    scanned: list[str] = []
    scan = Reading.scan

    def watch(reading: Reading, tree: str, *keys: Any, **options: Any) -> Any:
        scanned.append(tree)
        return scan(reading, tree, *keys, **options)

    monkeypatch.setattr(Reading, "scan", watch)
    move = cluster.runtime.coordinator.transfer_thread_between_sessions
    move(thread_id, here, there).get(timeout=WAIT_S)
    assert {"t0", "t1", "t2"} == set(remembered(cluster)[here])
    assert "S" not in scanned


def test_news_behind_a_batch_across_are_heard_at_once(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    """Its last place in the log is that of a touched session, which is nobody's news.

    Who waited for that to be published had each next answer across wait a second.
    """
    here, there = pair
    thread_id = create(cluster, here, "goes")
    unheard = cluster.post.shards[1].report(0, "").unheard
    parts = [
        CreateThreads(session_id=one, threads=(NewThread(new_id(), "made"),))
        for one in pair
    ]
    coordinator = cluster.runtime.coordinator
    coordinator.transact(parts).get(timeout=WAIT_S)  # by shard 0
    moved = coordinator.transfer_thread_between_sessions(thread_id, here, there)
    assert there == moved.get(timeout=WAIT_S).session_id  # by shard 1, which tells 0
    assert unheard == cluster.post.shards[1].report(0, "").unheard
    assert ["made"] == names(cluster, here) == list(remembered(cluster)[here])
