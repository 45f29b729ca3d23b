"""Where a command goes: to the shard of its session, or of the session that receives.

A command that names a session goes there; one that names a thread only goes to its
owner, who is read from the database. A transfer between shards goes to the session that
receives: its shard commits it, proves the fences of both, and tells the other. Items
belong to no session: any shard may write one, and those of a namespace's first part are
written by the same one, so that they wait for each other there and not in the database.
"""

from typing import Protocol

from msgspec.structs import replace

from weft.actors.messages import Command, RunCommand
from weft.cluster.router import Address
from weft.cluster.shard_mail import Letter, Order, RunOrder
from weft.storage import (
    Operation,
    PutItem,
    RemoveItem,
    Snapshot,
    Store,
    TouchItems,
    TransferThreads,
)

__all__ = ["Addresses", "Places"]


class Places(Protocol):
    """Knows the shard of a session."""

    def shard_of(self, session_id: str) -> int:
        """Return where a session probably is."""
        ...


class Addresses:
    """Finds the sessions that commands go to.

    Args:
        store: has the owners of threads.
        places: has the shards of sessions.
    """

    def __init__(self, store: Store, places: Places) -> None:
        self._store = store
        self._places = places

    def owner(self, thread_id: str) -> str | None:
        """Return the session that owns a thread, None if nobody does."""
        with self._store.read() as snapshot:
            return owner_of(snapshot, thread_id)

    def of(
        self,
        command: Command,
        session_id: str | None,
        thread_id: str | None,
        timeout_s: float | None,
    ) -> Address:
        """Return what finds the address of a command.

        Args:
            command: a caller's.
            session_id: whom it asks.
            thread_id: or whose owner.
            timeout_s: how long the answer may take.
        """
        letter = Letter.of(command, session_id, timeout_s)

        def find() -> tuple[str | None, Order]:
            asked = session_id
            if asked is None and thread_id is not None:
                asked = self.owner(thread_id)
            asked = self._receiver(command.operation, asked)
            if asked is None:
                return _home(command.operation), letter
            return asked, replace(letter, session_id=asked)

        return find

    def _receiver(self, operation: Operation, asked: str | None) -> str | None:
        """Return the session that a transfer between shards goes to, else who asks."""
        if asked is None or not isinstance(operation, TransferThreads):
            return asked
        shard_of = self._places.shard_of
        to = operation.to_session_id
        return asked if shard_of(asked) == shard_of(to) else to

    def of_run(
        self,
        command: RunCommand,
        session_id: str | None,
        thread_id: str | None,
        timeout_s: float | None,
    ) -> Address:
        """Return what finds the address of a command to run; arguments as of ``of``."""
        order = RunOrder.of(command, timeout_s)

        def find() -> tuple[str | None, Order]:
            if thread_id is not None:  # a session may be no more than a hint
                return self.owner(thread_id), order
            return session_id, order

        return find

    def run_in_the_way(self, command: Command) -> str | None:
        """Return the run that a transfer between shards is to wait for, if any."""
        operation = command.operation
        if command.if_running != "wait" or not isinstance(operation, TransferThreads):
            return None
        with self._store.read() as snapshot:
            for thread_id in operation.thread_ids:
                thread = snapshot.thread(thread_id)
                if thread is not None and thread.run_id is not None:
                    asked = thread.session_id
                    if self._receiver(operation, asked) != asked:
                        return thread.run_id
        return None


def _home(operation: Operation) -> str | None:
    """Return what has the slot of an operation that is about no session's own."""
    match operation:
        case PutItem() | RemoveItem():
            return operation.namespace[0]
        case TouchItems() if operation.items:
            return operation.items[0][0][0]
    return None


def owner_of(snapshot: Snapshot, thread_id: str) -> str | None:
    """Return the session that owns a thread, None if nobody does."""
    thread = snapshot.thread(thread_id)
    return None if thread is None else thread.session_id
