"""Every operation by name, through a daemon: what a local coordinator has."""

from weft.daemon.client.care import CareRequests
from weft.daemon.client.items import ItemRequests
from weft.daemon.client.rows import RowRequests
from weft.daemon.client.runs import RunRequests
from weft.daemon.client.sessions import SessionRequests
from weft.daemon.client.states import StateRequests
from weft.daemon.client.threads import ThreadRequests

__all__ = ["RemoteCoordinator"]


class RemoteCoordinator(
    SessionRequests,
    ThreadRequests,
    StateRequests,
    RunRequests,
    RowRequests,
    ItemRequests,
    CareRequests,
):
    """The methods of :class:`weft.actors.Coordinator`, with its answers and errors.

    All take ``op_id`` and ``timeout_s`` where those do, and return futures. One
    contract suite runs on both.
    """
