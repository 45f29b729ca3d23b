"""A cluster on Ray: started, found, looked at.

::

    start("auto", "postgresql://db/weft")          # once; the shards stay
    with connect("auto") as cluster:
        cluster.session("alice").create_thread("notes").get()
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec
import ray
import ray.exceptions
from msgspec.structs import replace

from weft.cluster.cluster_runtime import ClusterRuntime
from weft.cluster.cluster_store import ClusterStore
from weft.cluster.drain import drain_slots
from weft.cluster.errors import ClusterUnreachable
from weft.cluster.ray_post import NAMESPACE, Handles, RayPost
from weft.cluster.ray_shard import ShardSettings, ray_shard
from weft.cluster.ray_supervisor import SUPERVISOR, ray_supervisor
from weft.cluster.reader import PostgresReader, ShardRow
from weft.cluster.shard import ShardReport
from weft.cluster.slots import SlotMap
from weft.cluster.supervisor import SupervisorStatistics

__all__ = ["ClusterStatus", "connect", "drain", "join", "start", "status"]

START_TIMEOUT_S: Final = 60.0
"""For all shards to answer: twenty cold processes on two cores take nine."""

LOOK_S: Final = 0.1
REPORT_TIMEOUT_S: Final = 2.0


class ClusterStatus(msgspec.Struct, frozen=True):
    """How a cluster is.

    Attributes:
        rows: what the database says of the shards.
        slots: how many slots each has.
        reports: what those shards say that answer.
        supervisor: what it saw and did; None if it does not answer.
    """

    rows: list[ShardRow]
    slots: dict[int, int]
    reports: dict[int, ShardReport]
    supervisor: SupervisorStatistics | None

    def answers(self, row: ShardRow) -> bool:
        """Whether the process answers that may write for a shard."""
        report = self.reports.get(row.shard)
        return report is not None and report.epoch == row.epoch

    @property
    def silent(self) -> list[int]:
        """The shards that have slots and do not answer."""
        serving = (row for row in self.rows if row.slots)
        return [row.shard for row in serving if not self.answers(row)]


def join(address: str) -> None:
    """Connect this process to Ray, unless it is connected.

    Args:
        address: as ``ray.init`` takes it: ``auto``, HOST:PORT, ``ray://HOST:PORT``.

    Raises:
        ClusterUnreachable: nothing answers there.
    """
    if ray.is_initialized():
        return
    try:
        ray.init(
            address=address,
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, TimeoutError) as error:
        raise ClusterUnreachable(
            f"There is no Ray cluster at {address}.", cause=error
        ) from error


def start(
    settings: ShardSettings, *, timeout_s: float = START_TIMEOUT_S
) -> list[ShardReport]:
    """Start the shards that have slots in the database, and their supervisor.

    Those that run already are left as they are.

    Args:
        settings: what their processes are started with; its number is none.
        timeout_s: how long to wait until all of them answer, in seconds.

    Raises:
        ClusterUnreachable: not all of them answered in time.
    """
    numbers = [row.shard for row in _rows(settings.dsn)[0] if row.slots]
    handles = Handles(settings.namespace)
    for number in numbers:
        handles[number] = ray_shard(replace(settings, shard=number))
    supervisor = ray_supervisor(settings)
    post = RayPost(handles)
    deadline_s = time.monotonic() + timeout_s
    while True:
        found = post.reports(numbers, REPORT_TIMEOUT_S)
        if len(found) == len(numbers):
            ray.get(supervisor.watch.remote(numbers), timeout=timeout_s)
            return [found[number] for number in numbers]
        if time.monotonic() > deadline_s:
            late = sorted(set(numbers) - set(found))
            raise ClusterUnreachable(
                f"Shards {late} did not answer within {timeout_s:g} s.",
                details={"shards": late},
            )
        time.sleep(LOOK_S)


def settings_of(namespace: str = NAMESPACE) -> ShardSettings:
    """Return what the shards of the running cluster were started with.

    Raises:
        ClusterUnreachable: it has not been started.
    """
    try:
        supervisor: Any = ray.get_actor(SUPERVISOR, namespace=namespace)
        found: Any = ray.get(supervisor.settings.remote(), timeout=START_TIMEOUT_S)
    except (ValueError, ray.exceptions.RayError) as error:
        words = "No cluster has been started on this Ray."
        raise ClusterUnreachable(words, cause=error) from error
    settings: ShardSettings = found
    return settings


def connect(
    address: str,
    *,
    workflows: Iterable[Any] | Mapping[str, Callable[..., Any]] = (),
    namespace: str = NAMESPACE,
) -> ClusterRuntime:
    """Return the cluster at an address, as one runtime.

    Args:
        address: of Ray; see :func:`join`.
        workflows: names that may be run; the shards have their own.
        namespace: of the actors' names.

    Raises:
        ClusterUnreachable: there is none.
    """
    join(address)
    settings = settings_of(namespace)
    post = RayPost(Handles(namespace))
    return ClusterRuntime(post, ClusterStore(settings.dsn), workflows)


def status(dsn: str, namespace: str = NAMESPACE) -> ClusterStatus:
    """Return how a cluster is; this process is connected to its Ray.

    Args:
        dsn: the database.
        namespace: of the actors' names.
    """
    rows, slots = _rows(dsn)
    post = RayPost(Handles(namespace))
    reports = post.reports([row.shard for row in rows], REPORT_TIMEOUT_S)
    seen: Any
    try:
        supervisor: Any = ray.get_actor(SUPERVISOR, namespace=namespace)
        seen = ray.get(supervisor.statistics.remote(), timeout=REPORT_TIMEOUT_S)
    except (ValueError, ray.exceptions.RayError):
        seen = None
    return ClusterStatus(rows, slots, reports, seen)


def drain(
    dsn: str,
    shard: int,
    *,
    namespace: str = NAMESPACE,
    timeout_s: float = START_TIMEOUT_S,
) -> SlotMap:
    """Take a shard out of service: the others get its slots, and its process ends.

    It can be repeated. The shard comes back when it is given slots and started.

    Args:
        dsn: the database.
        shard: its number.
        namespace: of the actors' names.
        timeout_s: how long to wait until the others answer again, in seconds.

    Returns:
        which shard has which slot now.

    Raises:
        InvalidArgument: there is no such shard, or it is the last that has slots.
        ClusterUnreachable: it is drained, and not all others answered in time.
    """
    slots = drain_slots(dsn, shard)
    with suppress(ValueError):  # nobody watches
        supervisor: Any = ray.get_actor(SUPERVISOR, namespace=namespace)
        ray.get(supervisor.release.remote(shard), timeout=timeout_s)
    with suppress(ValueError):  # it does not run
        ray.kill(Handles(namespace)[shard], no_restart=True)
    deadline_s = time.monotonic() + timeout_s
    while late := status(dsn, namespace).silent:
        if time.monotonic() > deadline_s:
            raise ClusterUnreachable(
                f"Shard {shard} is drained; shards {late} did not answer "
                f"within {timeout_s:g} s.",
                details={"shards": late},
            )
        time.sleep(LOOK_S)
    return slots


def _rows(dsn: str) -> tuple[list[ShardRow], dict[int, int]]:
    """Return what the database says of the shards, and how many slots each has."""
    reader = PostgresReader(dsn)
    try:
        return reader.shards(), reader.slot_map().counts()
    finally:
        reader.close()
