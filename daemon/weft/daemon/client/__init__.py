"""The Python client: a daemon held like a runtime in this process.

::

    with connect("http://127.0.0.1:8123") as weft:
        notes = weft.session("alice").create_thread("notes").get()

Handles and methods are those of :class:`weft.actors.Runtime`; so are the errors.
Answers are futures: ``.get(timeout=)`` in plain code, ``await`` in asyncio.
"""

from weft.daemon.client.client import Client, connect
from weft.daemon.client.coordinator import RemoteCoordinator
from weft.daemon.client.errors import AccessDenied, DaemonFault, DaemonUnreachable
from weft.daemon.client.events import RemoteEvents

__all__ = [
    "AccessDenied",
    "Client",
    "DaemonFault",
    "DaemonUnreachable",
    "RemoteCoordinator",
    "RemoteEvents",
    "connect",
]
