"""Shards in this process: the real ones, each on a loop of its own, without Ray."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future as Call
from typing import Any, Self

from weft.actors.loop_thread import LoopThread
from weft.actors.retention import Forget
from weft.cluster.cluster_runtime import ClusterRuntime
from weft.cluster.cluster_store import ClusterStore
from weft.cluster.line import Line
from weft.cluster.router import Method
from weft.cluster.schema import install
from weft.cluster.shard import Shard
from weft.cluster.shard_news import Changed
from weft.cluster.shard_runtime import ShardRuntime
from weft.cluster.shard_store import ShardStore
from weft.cluster.slots import slot_of

__all__ = ["LocalCluster", "ids_on"]


def ids_on(shard: int, shards: int, number: int, prefix: str = "s") -> list[str]:
    """Return ids of sessions that are on a shard while slots go round in turn."""
    found = (f"{prefix}{n}" for n in range(100_000))
    here = (one for one in found if slot_of(one) % shards == shard)
    return [next(here) for _ in range(number)]


class LocalPost:
    """Carries letters between shards of one process.

    Attributes:
        deaf: shards that answer nothing, as if cut off.
        told: what peers were told.
    """

    def __init__(self) -> None:
        self.shards: dict[int, Shard] = {}
        self.deaf: set[int] = set()
        self.told: list[tuple[int, Changed]] = []
        self.loop = LoopThread(0)
        self.loop.start()

    def run(self, shard: int, work: Any) -> "Call[Any]":
        if shard in self.deaf:
            work.close()
            return Call()
        return asyncio.run_coroutine_threadsafe(work, self.loop.loop)

    def send(self, shard: int, method: Method, payload: bytes) -> "Call[bytes]":
        if shard not in self.shards:
            raise ConnectionError(f"shard {shard} is down")
        return self.run(shard, getattr(self.shards[shard], method)(payload))

    def tell(self, shard: int, changed: Changed) -> "Call[None]":
        self.told.append((shard, changed))
        return self.run(shard, self.shards[shard].changed(changed))

    def cancel(self, shard: int, run_id: str, *, undo: bool) -> "Call[bool]":
        return self.run(shard, self.shards[shard].cancel(run_id, undo=undo))

    def retain(self, shard: int, request: Forget) -> "Call[dict[str, int]]":
        return self.run(shard, self.shards[shard].retain(request))

    def stream(self, shard: int, payload: bytes) -> AsyncIterator[bytes]:
        return self.shards[shard].stream(payload)

    def statistics(self, shards: Sequence[int], timeout_s: float) -> list[Any]:
        del timeout_s
        return [self.shards[shard].statistics() for shard in shards]


class LocalCluster:
    """Shards of one database, and a connection to them."""

    def __init__(
        self, dsn: str, shards: int, workflows: Any = (), **store: Any
    ) -> None:
        line = Line(dsn)
        install(line, shards)
        line.close()
        self.dsn = dsn
        self.defects: list[BaseException] = []
        self.post = LocalPost()
        self.workflows = workflows
        self.options = store
        for number in range(shards):
            self.start(number)
        self.runtime = ClusterRuntime(self.post, ClusterStore(dsn), workflows)

    def start(self, number: int) -> Shard:
        """Take a shard over, as a new process would."""
        store = ShardStore(
            self.dsn, shard=number, on_defect=self.defects.append, **self.options
        )
        runtime = ShardRuntime.of(store, self.workflows)
        shard = Shard(runtime, self.post.tell)
        self.post.shards[number] = shard
        return shard

    def close(self) -> None:
        self.runtime.close()
        for shard in self.post.shards.values():
            shard.runtime.close(1.0)
        self.post.loop.stop()
        self.post.loop.join(5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
