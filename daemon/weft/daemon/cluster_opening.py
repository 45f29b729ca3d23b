"""A cluster as the daemon serves it: a connection, where else there is a runtime.

The endpoints ask it for what they ask a runtime for: operations, runs, the feed of
changes, numbers.
"""

from typing import TYPE_CHECKING, cast

from weft.daemon.cluster_command import require_extra
from weft.daemon.workflows import Registry

if TYPE_CHECKING:
    from weft.actors import Runtime

__all__ = ["open_cluster"]


def open_cluster(address: str, workflows: Registry) -> "Runtime":
    """Return the cluster of a Ray, with the face of a runtime.

    Args:
        address: of Ray.
        workflows: names that may be run; the shards have been started with theirs.

    Raises:
        ExtraMissing: Ray or PostgreSQL's driver is not installed.
        ClusterUnreachable: there is no cluster.
    """
    require_extra()
    from weft.cluster.ray_cluster import connect

    return cast("Runtime", connect(address, workflows=workflows))
