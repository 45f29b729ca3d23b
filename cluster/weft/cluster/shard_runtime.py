"""The runtime of one shard: the embedded one, on the shard's store.

Nothing of it is new but what its peers tell it, and that it looks after its own: runs
of its sessions only are taken over, and one shard of the cluster keeps retention of
threads, states and associations for all (the log is kept by each).
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future as Call
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from weft.actors.runtime import Runtime
from weft.actors.services import Services
from weft.cluster.shard_news import Changed, Wake
from weft.cluster.shard_receiver import Receiver, Told
from weft.cluster.shard_store import ShardStore
from weft.storage.retention import Retention

__all__ = ["SessionView", "ShardRuntime"]

NEVER_S: Final = 1e9
"""Between two rounds of retention on the other shards: thirty years."""


class SessionView(msgspec.Struct, frozen=True, array_like=True):
    """What a shard's memory says of a session.

    Attributes:
        session_id: the session.
        threads: thread id by name.
    """

    session_id: str
    threads: dict[str, str]


class ShardRuntime(Runtime):
    """A runtime on a shard's store. Make one with :meth:`of`."""

    store: ShardStore

    @classmethod
    def of(
        cls,
        store: ShardStore,
        workflows: Iterable[Any] | Mapping[str, Callable[..., Any]] = (),
        **options: Any,
    ) -> "ShardRuntime":
        """Return the runtime of a shard.

        Args:
            store: the shard's; the runtime closes it.
            workflows: as of ``Runtime.open``.
            options: likewise.
        """
        policy: Retention = options.pop("retention", None) or Retention()
        if store.fence.shard != store.slots.keeper:
            policy = replace(policy, interval_s=NEVER_S)
        return cls(store, workflows=workflows, retention=policy, **options)

    _receiver: Receiver
    _has_receiver = False

    def __init__(self, store: ShardStore, **options: Any) -> None:
        self._published = store.seq
        super().__init__(store, **options)
        self._receiver = Receiver(self._services, store)
        self._has_receiver = True
        self._tell_receiver()  # of what the writer has published before this line

    def _publish(self, pairs: Any) -> None:
        super()._publish(pairs)
        # Not the last of the pairs: behind them a commit across touches sessions.
        self._published = self.store.seq
        if self._has_receiver:
            self._tell_receiver()

    def _tell_receiver(self) -> None:
        self._dispatcher.post(self._receiver.actor_ref, Told(self._published))

    @property
    def services(self) -> Services:
        """What the runtime's actors share."""
        return self._services

    def receive(self, changed: Changed | Wake) -> "Call[None]":
        """Have the actors see what another shard committed; from any OS thread.

        Args:
            changed: what; or which sessions are to be resident.

        Returns:
            done when they have.
        """
        seen: Call[None] = Call()

        def done(_: object) -> None:
            seen.set_result(None)

        asked = self._receiver.actor_ref.ask(changed, block=False)
        asked.add_done_callback(done)
        return seen

    def views(self, session_ids: Iterable[str] | None = None) -> list[SessionView]:
        """Return what resident sessions remember, without asking anybody.

        Args:
            session_ids: these only; those that are not resident are left out.
        """
        cells = self._services.sessions
        wanted = list(cells) if session_ids is None else session_ids
        found = []
        for session_id in wanted:
            cell = cells.get(session_id)
            actor = None if cell is None else cell.actor
            if actor is not None:
                # Copied in one step of the interpreter: no turn comes between.
                names = dict(actor._names)  # noqa: SLF001 - read only
                found.append(SessionView(session_id, names))
        return found
