"""``weft watch``: a thread's events as they come.

Guarantees: no event is lost when the connection breaks or the daemon is started again:
it goes on behind the last one that was printed.
"""

import sys
import time
from typing import TYPE_CHECKING, Final

from weft.daemon.printing import print_json
from weft.daemon.remote_problems import NoDaemon
from weft.daemon.wire import path_of

if TYPE_CHECKING:
    from weft.daemon.remote import Remote
    from weft.daemon.target import Target

__all__ = ["watch"]

AGAIN_S: Final = 1.0
"""Between two attempts to reach a daemon that was there before."""


def watch(
    target: "Target", thread_id: str, times: int | None, after: str | None
) -> None:
    """Print a thread's events, a line of JSON each.

    Args:
        target: the daemon.
        thread_id: whose.
        times: end after so many; None for Ctrl-C.
        after: the id of the event to go on behind; None for from now on.

    Raises:
        NoDaemon: nobody answers at the beginning.
        ThreadNotFound: there is no such thread.
    """
    with target.remote() as remote:
        remote.ask("GET", path_of("threads", thread_id))
        try:
            _follow(remote, thread_id, times, after)
        except KeyboardInterrupt:
            sys.stderr.write("\n")


def _follow(
    remote: "Remote", thread_id: str, times: int | None, last_id: str | None
) -> None:
    path, left = path_of("threads", thread_id, "stream"), times
    while True:
        try:
            for event in remote.events("GET", path, last_event_id=last_id):
                print_json({"id": event.id, "event": event.event, "data": event.data})
                last_id = event.id or last_id
                left = None if left is None else left - 1
                if left == 0:
                    return
        except NoDaemon as error:
            sys.stderr.write(f"weft: {error.reason}; waiting for the daemon.\n")
        time.sleep(AGAIN_S)
