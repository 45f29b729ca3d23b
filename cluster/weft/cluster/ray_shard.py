"""A shard as a Ray actor: one process, started again wherever there is room.

Ray places the process, finds it by name and restarts it; what it may write, the
database decides. Measured, and why it is done so:

* An actor whose constructor *raises* is never restarted by Ray; one whose process exits
  is. So the shard's number is acquired in the constructor, tried again and again while
  the database does not answer, and given up by :func:`os._exit`.
* A process that was fenced ends at once and never acquires again: two incarnations
  could otherwise take the shard from each other for ever.
* A shard asks for a share of a CPU, for without one Ray puts it on the head node.
* Handles are kept: they survive restarts, while looking a name up hangs when the head
  is away.
"""

import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import ray

from weft.actors.retention import Forget
from weft.actors.statistics import RuntimeStatistics
from weft.cluster.ray_post import NAMESPACE, Handles, RayPost, shard_name
from weft.cluster.shard import Shard, ShardReport
from weft.cluster.shard_news import Changed
from weft.cluster.shard_runtime import SessionView, ShardRuntime
from weft.cluster.shard_store import ShardStore
from weft.storage.retention import Retention

__all__ = ["RayShard", "ShardSettings", "ray_shard"]

logger = logging.getLogger("weft.cluster")

CPUS: Final = 0.01
"""What a shard asks for: not none, and not so much that machines look full."""

CALLS_MAX: Final = 4096
"""Calls that may be in progress on one shard: batches, and one for each run that
somebody waits for."""

ACQUIRE_S: Final = 60.0
"""How long a new process waits for the database before it ends and is started anew."""

RETRY_S: Final = 0.3

EXIT_FENCED: Final = 3
EXIT_NO_DATABASE: Final = 4
EXIT_DEFECT: Final = 70


class ShardSettings(msgspec.Struct, frozen=True):
    """What the process of a shard is started with.

    Attributes:
        dsn: the database.
        shard: the shard's number.
        load: returns the workflows, in the process; None for none.
        namespace: of the actors' names.
        store: further options of :class:`ShardStore`.
        beat: called with the shard, in the process; for tests that need a shard which
            writes without being asked.
    """

    dsn: str
    shard: int
    load: Callable[[], Iterable[Any] | Mapping[str, Callable[..., Any]]] | None = None
    namespace: str = NAMESPACE
    store: dict[str, Any] = {}
    beat: Callable[[Shard], object] | None = None


class RayShard:
    """What Ray calls: see :class:`weft.cluster.shard.Shard`.

    Args:
        settings: of the shard.
    """

    def __init__(self, settings: ShardSettings) -> None:
        # Not the root's: each operation's two records would take a third of its time.
        logging.basicConfig()
        logger.setLevel(logging.INFO)
        self._host = socket.gethostname()
        store = _acquire(settings)
        workflows = () if settings.load is None else settings.load()
        post = RayPost(Handles(settings.namespace))
        self._shard = Shard(ShardRuntime.of(store, workflows), post.tell)
        if settings.beat is not None:
            settings.beat(self._shard)

    async def apply(self, payload: bytes) -> bytes:
        """Apply a batch of commands."""
        return await self._shard.apply(payload)

    async def run(self, payload: bytes) -> bytes:
        """Run a thread's workflow."""
        return await self._shard.run(payload)

    async def stream(self, payload: bytes) -> AsyncIterator[bytes]:
        """Run a thread's workflow and yield what it shows."""
        async for shown in self._shard.stream(payload):
            yield shown

    async def cancel(self, run_id: str, undo: bool) -> bool:
        """Ask a run to stop."""
        return await self._shard.cancel(run_id, undo=undo)

    async def retain(self, policy: Retention, only: str | None) -> dict[str, int]:
        """Forget what a policy does not keep."""
        return await self._shard.retain(Forget(policy, only))

    async def views(
        self, session_ids: Sequence[str] | None = None, linearizable: bool = False
    ) -> list[SessionView]:
        """Return what this shard's memory says of sessions."""
        return await self._shard.views(session_ids, linearizable=linearizable)

    @ray.method(concurrency_group="peers")
    async def changed(self, changed: Changed) -> None:
        """Hear of what another shard committed."""
        await self._shard.changed(changed)

    @ray.method(concurrency_group="control")
    async def ping(self) -> int:
        """Say that the process is alive."""
        return os.getpid()

    @ray.method(concurrency_group="control")
    async def report(self) -> ShardReport:
        """Return how the shard is."""
        return self._shard.report(os.getpid(), self._host)

    @ray.method(concurrency_group="control")
    async def statistics(self) -> tuple[RuntimeStatistics, Any]:
        """Return what the shard did and holds: its runtime, and its store."""
        return self._shard.statistics()

    @ray.method(concurrency_group="control")
    async def node(self) -> str:
        """Return the id of the node that the process is on."""
        found: str = ray.get_runtime_context().get_node_id()
        return found


def _acquire(settings: ShardSettings) -> ShardStore:
    """Take the shard over, once in the life of this process."""
    deadline_s = time.monotonic() + ACQUIRE_S
    while True:
        try:
            store = ShardStore(
                settings.dsn,
                shard=settings.shard,
                on_defect=_end_of_defect,
                owner=f"{socket.gethostname()}:{os.getpid()}",
                **settings.store,
            )
        except Exception:
            logger.exception("shard %d cannot be acquired yet", settings.shard)
            if time.monotonic() > deadline_s:
                os._exit(EXIT_NO_DATABASE)
            time.sleep(RETRY_S)
        else:
            if settings.store.get("fencing", True):
                store.on_fenced(_end_of_fenced)
            return store


def _end_of_fenced(*_: object) -> None:
    logger.error("this process was fenced and ends")
    os._exit(EXIT_FENCED)


def _end_of_defect(error: BaseException) -> None:
    logger.critical("this process ends: %r", error)
    os._exit(EXIT_DEFECT)


def ray_shard(settings: ShardSettings) -> Any:
    """Return the actor of a shard, started unless it is there.

    Args:
        settings: what its process is started with.
    """
    remote: Any = ray.remote  # its types do not know of concurrency
    actor = remote(
        num_cpus=CPUS,
        max_restarts=-1,
        max_task_retries=0,
        max_concurrency=CALLS_MAX,
        concurrency_groups={"peers": 256, "control": 16},
    )(RayShard)
    return actor.options(
        name=shard_name(settings.shard),
        namespace=settings.namespace,
        lifetime="detached",
        scheduling_strategy="SPREAD",
        get_if_exists=True,
    ).remote(settings)
