"""A shard's store that could not be opened to its end leaves nothing behind."""

import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from weft.cluster.line import Broken, Line
from weft.cluster.schema import install
from weft.cluster.shard_store import ShardStore
from weft.cluster.slots import SlotMap


@pytest.fixture
def line(address: str) -> Iterator[Line]:
    """A line to a database of one shard."""
    opened = Line(address)
    install(opened, 1)
    yield opened
    opened.close()


def pulses() -> int:
    return sum(one.name == "weft-pulse" for one in threading.enumerate())


def test_one_that_has_taken_the_shard_and_fails_then_gives_it_up(
    address: str, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process tries again, beside nobody that proves the older epoch."""

    def break_off(_store: ShardStore) -> SlotMap:
        raise Broken("the connection broke")

    before = pulses()
    with monkeypatch.context() as patch:
        patch.setattr(ShardStore, "slot_map", break_off)
        with pytest.raises(Broken):
            ShardStore(address, shard=0, on_defect=print)
    assert before == pulses()
    assert [] == line.ask("SELECT shard FROM weft_heartbeat WHERE shard = 0")
    store = ShardStore(address, shard=0, on_defect=print, take_over=False)
    assert 2 == store.fence.epoch
    store.close()
