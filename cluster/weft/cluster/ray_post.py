"""How letters reach the shards: by Ray, to actors whose handles are kept.

Guarantees: nothing here blocks longer than the first look for a name; a handle is never
thrown away on an error, for it survives restarts, and looking the name up again hangs
while the head is away. The one exception is an actor that Ray knows to be gone for
good: another of its name may have been made since.
"""

from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future as Call
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any, Final

import ray
from ray.exceptions import ActorDiedError

from weft.actors.statistics import RuntimeStatistics
from weft.cluster.router import Method
from weft.cluster.shard import ShardReport
from weft.cluster.shard_news import Changed

if TYPE_CHECKING:
    from weft.cluster.shard_runtime import SessionView

__all__ = ["NAMESPACE", "Handles", "RayPost", "shard_name"]

NAMESPACE: Final = "weft"
"""Of the actors' names in Ray."""


def shard_name(shard: int) -> str:
    """Return the name of a shard's actor."""
    return f"shard-{shard}"


class Handles(dict[int, Any]):
    """Actors by shard, each looked up once and kept.

    Args:
        namespace: of their names.
    """

    def __init__(self, namespace: str = NAMESPACE) -> None:
        super().__init__()
        self._namespace = namespace

    def __missing__(self, shard: int) -> Any:
        """Look a shard's actor up.

        Raises:
            ValueError: there is none of this name.
        """
        handle = ray.get_actor(shard_name(shard), namespace=self._namespace)
        self[shard] = handle
        return handle

    def heard(self, shard: int, actor: Any, error: BaseException | None) -> None:
        """Forget a shard's actor if it failed because it is gone for good."""
        if isinstance(error, ActorDiedError) and self.get(shard) is actor:
            self.pop(shard, None)


class RayPost:
    """Brings letters to shards.

    Args:
        handles: of the shards.
    """

    def __init__(self, handles: Handles) -> None:
        self._handles = handles

    def send(self, shard: int, method: Method, payload: bytes) -> "Call[bytes]":
        """Return the shard's answer to come."""
        return self._call(shard, method, payload)

    def tell(self, shard: int, changed: Changed) -> "Call[None]":
        """Tell a shard what was committed elsewhere."""
        return self._call(shard, "changed", changed)

    def cancel(self, shard: int, run_id: str, *, undo: bool) -> "Call[bool]":
        """Ask a run on a shard to stop."""
        return self._call(shard, "cancel", run_id, undo)

    def retain(self, shard: int, request: Any) -> "Call[dict[str, int]]":
        """Have a shard forget what a policy does not keep."""
        return self._call(shard, "retain", request.policy, request.only)

    async def stream(self, shard: int, payload: bytes) -> AsyncIterator[bytes]:
        """Run on a shard and yield what it shows."""
        actor = self._handles[shard]
        asked = actor.stream.options(num_returns="streaming")
        try:
            async for reference in asked.remote(payload):
                yield await reference
        except ActorDiedError as error:
            self._handles.heard(shard, actor, error)
            raise

    def ping(self, shard: int) -> "Call[int]":
        """Ask a shard whether it is alive."""
        return self._call(shard, "ping")

    def views(
        self,
        shard: int,
        session_ids: Sequence[str] | None = None,
        *,
        linearizable: bool = False,
    ) -> "Call[list[SessionView]]":
        """Ask a shard what its memory says of sessions."""
        return self._call(shard, "views", session_ids, linearizable)

    def reports(
        self, shards: Sequence[int], timeout_s: float
    ) -> dict[int, ShardReport]:
        """Return how those shards are that answer in time, once all have been asked."""
        return self._gather("report", shards, timeout_s)

    def statistics(
        self, shards: Sequence[int], timeout_s: float
    ) -> list[tuple[RuntimeStatistics, Any]]:
        """Return the numbers of those shards that answer in time."""
        return list(self._gather("statistics", shards, timeout_s).values())

    def _gather(
        self, method: str, shards: Sequence[int], timeout_s: float
    ) -> dict[int, Any]:
        calls: dict[int, Call[Any]] = {}
        for shard in shards:
            try:
                calls[shard] = self._call(shard, method)
            except ValueError:
                continue  # it has never been started
        wait(calls.values(), timeout=timeout_s)
        return {
            shard: call.result()
            for shard, call in calls.items()
            if call.done() and call.exception() is None
        }

    def _call(self, shard: int, method: str, *values: Any) -> "Call[Any]":
        actor = self._handles[shard]
        call: Call[Any] = getattr(actor, method).remote(*values).future()
        call.add_done_callback(
            lambda done: self._handles.heard(shard, actor, _failure(done))
        )
        return call


def _failure(done: "Call[Any]") -> BaseException | None:
    return None if done.cancelled() else done.exception()
