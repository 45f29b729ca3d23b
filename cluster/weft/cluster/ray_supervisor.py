"""The supervisor as a Ray actor, so that it is restarted like what it watches.

It is told of the shards by the database, so a restarted one knows as much as the first.
"""

import logging
from concurrent.futures import Future as Call
from typing import Any, Final

import ray
import ray._private.state
from msgspec.structs import replace
from ray.exceptions import ActorDiedError, ActorUnavailableError

from weft.cluster.ray_post import NAMESPACE, Handles, RayPost
from weft.cluster.ray_shard import ShardSettings, ray_shard
from weft.cluster.reader import PostgresReader
from weft.cluster.supervisor import Condition, Supervisor, SupervisorStatistics

__all__ = ["SUPERVISOR", "RaySupervised", "RaySupervisor", "ray_supervisor"]

logger = logging.getLogger("weft.cluster")

SUPERVISOR: Final = "supervisor"
"""The name of its actor."""

CPUS: Final = 0.01


class RaySupervised:
    """What the supervisor does to shards.

    Args:
        settings: what their processes are started with.
    """

    def __init__(self, settings: ShardSettings) -> None:
        self._settings = settings
        self._handles = Handles(settings.namespace)
        self._post = RayPost(self._handles)

    def ping(self, shard: int) -> "Call[Any]":
        """Ask a shard; never blocks."""
        try:
            return self._post.ping(shard)
        except Exception as error:  # noqa: BLE001 - judged like a ping that failed
            failed: Call[Any] = Call()
            failed.set_exception(error)
            return failed

    def condition(self, error: BaseException) -> Condition:
        """Return what a ping's failure means."""
        gone = isinstance(error, ActorDiedError | ValueError)
        if gone and not isinstance(error, ActorUnavailableError):
            return Condition.GONE
        return Condition.STARTING

    def is_starting(self, shard: int) -> bool:
        """Whether Ray is starting its process; a ping waits until that is done.

        Ray's public interface tells it through its dashboard only.
        """
        table: Any = ray._private.state.state  # noqa: SLF001
        found = table.actor_table(self._handles[shard]._actor_id.hex())  # noqa: SLF001
        return bool(found) and found["State"] not in {"ALIVE", "DEAD"}

    def kill(self, shard: int) -> None:
        """End a shard's process; Ray starts it again."""
        ray.kill(self._handles[shard], no_restart=False)

    def revive(self, shard: int) -> None:
        """Make a shard again that is gone for good."""
        self._handles[shard] = ray_shard(replace(self._settings, shard=shard))


class RaySupervisor:
    """What Ray calls.

    Args:
        settings: what the shards' processes are started with; its own number is none.
    """

    def __init__(self, settings: ShardSettings) -> None:
        logging.basicConfig(level=logging.INFO)
        self._settings = settings
        reader = PostgresReader(settings.dsn)
        numbers = [row.shard for row in reader.shards() if row.slots]
        reader.close()
        self._supervisor = Supervisor(numbers, RaySupervised(settings))
        self._supervisor.start()

    def settings(self) -> ShardSettings:
        """Return what the cluster's shards are started with."""
        return self._settings

    def watch(self, shards: list[int]) -> None:
        """Watch these shards, too."""
        for shard in shards:
            self._supervisor.watch(shard)

    def release(self, shard: int) -> None:
        """Watch this shard no more."""
        self._supervisor.release(shard)

    def statistics(self) -> SupervisorStatistics:
        """Return what the supervisor saw and did so far."""
        return self._supervisor.statistics()


def ray_supervisor(settings: ShardSettings) -> Any:
    """Return the supervisor's actor, started unless it is there.

    Args:
        settings: what the shards' processes are started with.
    """
    remote: Any = ray.remote  # its types do not know of concurrency
    actor = remote(
        num_cpus=CPUS, max_restarts=-1, max_task_retries=-1, max_concurrency=4
    )(RaySupervisor)
    return actor.options(
        name=SUPERVISOR,
        namespace=settings.namespace or NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
    ).remote(settings)
