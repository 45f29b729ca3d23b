"""Ray nodes of one machine, for tests: few, small, in a directory of their own.

Everything is ended by process id: another Ray on this machine is none of its business.
"""

import logging
import os
import shutil
import signal
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from weft.cluster.ray_post import NAMESPACE

__all__ = ["RayNodes"]

STORE_SIZE_BYTES: Final = 80 << 20
"""What Ray accepts at least for its own store, which is not used."""

HEALTH: Final = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}
"""A node that does not answer for three seconds is dead; a minute by default."""

ROOT: Final = Path(__file__).resolve().parents[2]


class RayNodes:
    """A head without room for shards, and nodes with; this process is connected.

    Args:
        number: of nodes beside the head.

    Attributes:
        address: of the head.
    """

    def __init__(self, number: int = 1) -> None:
        self._directory = tempfile.mkdtemp(prefix="weft-ray-")
        self._environment = dict(os.environ)
        roots = [ROOT / one for one in _ROOTS]
        os.environ.update(
            RAY_TMPDIR=self._directory,
            RAY_USAGE_STATS_ENABLED="0",
            RAY_DEDUP_LOGS="0",
            RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
            PYTHONPATH=os.pathsep.join(map(str, [*roots, ROOT])),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray's own
            import ray
            from ray.cluster_utils import Cluster

            self._cluster: Any = Cluster(
                initialize_head=True,
                head_node_args={
                    "num_cpus": 0,
                    "include_dashboard": False,
                    "object_store_memory": STORE_SIZE_BYTES,
                    "_system_config": HEALTH,
                },
            )
            self.nodes: list[Any] = [self.add() for _ in range(number)]
            self._cluster.wait_for_nodes()
            self.address: str = self._cluster.address
            ray.init(
                address=self.address,
                namespace=NAMESPACE,
                logging_level=logging.ERROR,
                log_to_driver=False,
            )

    def add(self) -> Any:
        """Return one more node."""
        return self._cluster.add_node(num_cpus=4, object_store_memory=STORE_SIZE_BYTES)

    @property
    def head_id(self) -> str:
        """The node without room for shards."""
        found: str = self._cluster.head_node.node_id
        return found

    def raylet(self, node_id: str) -> int:
        """Return the process of a node that starts and ends the others."""
        for pid in _ours(self._directory):
            words = _read(pid, "cmdline")
            if "raylet/raylet" in words.split("\0")[0] and node_id in words:
                return pid
        raise LookupError(node_id)

    def children(self, pid: int) -> list[int]:
        """Return the processes that a process has started."""
        return [one for one in _ours(self._directory) if _parent(one) == pid]

    def close(self) -> None:
        """End all of it."""
        import ray

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.shutdown()
            self._cluster.shutdown()
        for pid in _ours(self._directory):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        os.environ.clear()
        os.environ.update(self._environment)
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_ROOTS: Final = ("storage", "actors", "metrics", "integrations", "cluster", "daemon")


def _ours(directory: str) -> list[int]:
    """Return the processes that were started with a directory in their environment."""
    mark = f"RAY_TMPDIR={directory}"
    pids = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    others = (pid for pid in pids if pid != os.getpid())
    return [pid for pid in others if mark in _read(pid, "environ").split("\0")]


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text("utf-8", "replace")
    except OSError:
        return ""


def _parent(pid: int) -> int:
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return int(fields[1]) if fields else 0
