"""A cluster as one runtime: the same coordinator and handles, for callers anywhere.

::

    with ClusterRuntime.connect("ray://head:10001", dsn) as cluster:
        notes = cluster.session("alice").create_thread("notes").get()

Changes and runs go to the shard of their session; reads go to the database, whose last
commit is the truth, so a caller's read shows whatever was acknowledged to anybody
before. What a coordinator needs of a runtime is all here, so every operation by name
works, and so does the feed of changes; what belongs to one data directory
(:meth:`backup`) says that it does not.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from weft.actors.checks import Checks
from weft.actors.closing import Closing
from weft.actors.coordinator import Coordinator
from weft.actors.future import Future
from weft.actors.handles import SessionHandle, ThreadHandle
from weft.actors.logs import follow
from weft.actors.loop_thread import LoopThread
from weft.actors.messages import Command, RunCommand
from weft.actors.reception import op_id_of
from weft.actors.retention import Forget
from weft.actors.sources import REAL, Sources
from weft.actors.statistics import RuntimeStatistics
from weft.actors.timers import Timers
from weft.actors.workflow import Workflows
from weft.cluster.cluster_addresses import Addresses
from weft.cluster.cluster_cancels import Cancels
from weft.cluster.cluster_events import ClusterEvents, ClusterFeed
from weft.cluster.cluster_statistics import (
    ClusterStatistics,
    cluster_statistics,
    summed,
)
from weft.cluster.cluster_store import ClusterStore
from weft.cluster.cluster_streams import Streams
from weft.cluster.errors import NotInCluster
from weft.cluster.router import Post, Router
from weft.cluster.router_map import RouterMap
from weft.storage import (
    DeadlineExceeded,
    SessionThreadException,
    StoreClosed,
    StoreUnavailable,
)
from weft.storage.check import CheckReport
from weft.storage.ids import check_id

if TYPE_CHECKING:
    from concurrent.futures import Future as Call

    from weft.cluster.reader import ShardRow

__all__ = ["ClusterPost", "ClusterRuntime"]

logger = logging.getLogger("weft.cluster")

STATISTICS_TIMEOUT_S: Final = 2.0
"""For the shards' numbers; those of a shard that is being restarted are left out."""


class ClusterPost(Post, Protocol):
    """What brings commands to shards, and more than bytes."""

    def cancel(self, shard: int, run_id: str, *, undo: bool) -> "Call[bool]":
        """Ask a run on a shard to stop; never blocks."""
        ...

    def retain(self, shard: int, request: Forget) -> "Call[dict[str, int]]":
        """Have a shard forget what a policy does not keep; never blocks."""
        ...

    def stream(self, shard: int, payload: bytes) -> AsyncIterator[bytes]:
        """Run on a shard and yield what it shows."""
        ...

    def statistics(
        self, shards: Sequence[int], timeout_s: float
    ) -> list[tuple[RuntimeStatistics, Any]]:
        """Return the numbers of those shards that answer in time."""
        ...


class ClusterRuntime(Closing):
    """A cluster, as one runtime.

    Args:
        post: brings commands to shards.
        reader: reads the database; closed with this.
        workflows: names that may be run; the shards have their own.

    Attributes:
        store: for reading; changes go through the handles and the coordinator.
        coordinator: every operation by name.
        sources: time and ids.
        workflows: those that are registered.
        checks: of the database, and what they found.
    """

    sources: Sources = REAL

    def __init__(
        self,
        post: ClusterPost,
        reader: ClusterStore,
        workflows: Iterable[Any] | Mapping[str, Callable[..., Any]] = (),
    ) -> None:
        self.store = reader
        self.workflows = Workflows(workflows)
        self.checks = Checks(reader)
        self.coordinator = Coordinator(self)
        self._post = post
        self._places = RouterMap(reader.slot_map)
        self._addresses = Addresses(reader, self._places)
        self._router = Router(post, self._places)
        self._loop = LoopThread(0)
        self._loop.start()
        self._streams = Streams(self._begin_stream, self._loop, self._places.reload)
        self._cancels = Cancels(reader, self._ask_to_stop)
        self._feed = ClusterFeed(reader)
        self._timers = Timers()
        self._timers.start()
        self._rows: list[ShardRow] = []
        self._closed = False
        self._pid = os.getpid()

    # Handles

    def session(self, session_id: str) -> SessionHandle:
        """Return a handle to a session; the session is created when first used."""
        checked = check_id(session_id, "session id")
        return SessionHandle(self, checked)

    def thread(self, thread_id: str) -> ThreadHandle:
        """Return a handle to a thread by its id."""
        checked = check_id(thread_id, "thread id")
        return ThreadHandle(self, checked)

    # What the coordinator needs

    @property
    def closed(self) -> bool:
        """Whether nothing is accepted any more."""
        return self._closed or os.getpid() != self._pid

    @property
    def read_only(self) -> bool:
        """Whether the store cannot be written; each shard knows for itself."""
        return False

    @property
    def last_report(self) -> CheckReport | None:
        """What the last check of the whole database found."""
        return self.checks.last_report

    def check(
        self,
        session_id: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> CheckReport:
        """Compare all stored copies of who owns what.

        Args:
            session_id: look at one session only.
            progress: told (done, total) entries.
        """
        return self.checks.check(session_id, progress)

    def send(
        self,
        message: Command | RunCommand,
        *,
        session_id: str | None = None,
        thread_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Send a command to a session, or to whoever owns a thread.

        Args:
            message: the command; its future is returned.
            session_id: whom to ask.
            thread_id: or whose owner.
            timeout_s: when to answer with DeadlineExceeded instead, in seconds.
        """
        future = message.future
        future.op_id = op_id_of(message)
        follow(message, session_id, thread_id)
        if timeout_s is not None:
            self._set_deadline(future, timeout_s)
        try:
            if self.closed:
                raise StoreClosed("The connection to the cluster is closed.")
            self._send(message, session_id, thread_id, timeout_s)
        except SessionThreadException as error:
            error.op_id = future.op_id
            _fail(message, error)
        return future

    def _send(
        self,
        message: Command | RunCommand,
        session_id: str | None,
        thread_id: str | None,
        timeout_s: float | None,
    ) -> None:
        if isinstance(message, Command):
            self._send_command(message, session_id, thread_id, timeout_s)
            return
        address = self._addresses.of_run(message, session_id, thread_id, timeout_s)
        if message.stream is not None:
            self._streams.read(address, message.stream, message.future)
        else:
            order = address()[1]
            self._router.submit(order, message.future, address, timeout_s)

    def _send_command(
        self,
        command: Command,
        session_id: str | None,
        thread_id: str | None,
        timeout_s: float | None,
    ) -> None:
        address = self._addresses.of(command, session_id, thread_id, timeout_s)
        raw: Future[Any] = Future()
        raw.add_done_callback(lambda done: _answer(command, done))

        def submit(_ended: object = None) -> None:
            try:
                self._router.submit(address()[1], raw, address, timeout_s)
            except SessionThreadException as error:
                raw.try_fail(error)

        run_id = self._addresses.run_in_the_way(command)
        if run_id is None:
            submit()
        else:
            self.coordinator.join_run(run_id).add_done_callback(submit)

    def _set_deadline(self, future: Future[Any], timeout_s: float) -> None:
        op_id = future.op_id

        def expire() -> None:
            words = f"There was no answer within {timeout_s} s."
            future.try_fail(DeadlineExceeded(words, op_id=op_id))

        due_ns = self.sources.monotonic_ns() + int(timeout_s * 1e9)
        timer = self._timers.call_at(due_ns, expire)
        future.add_done_callback(lambda _: timer.cancel())

    def _begin_stream(
        self, session_id: str | None, payload: bytes
    ) -> AsyncIterator[bytes]:
        places = self._places
        shard = places.keeper if session_id is None else places.shard_of(session_id)
        return self._post.stream(shard, payload)

    def cancel(self, run_id: str, *, undo: bool = False) -> Future[bool]:
        """Ask a run to stop; the answer is whether it was in progress."""
        asked = self._cancels.cancel(run_id, undo=undo)
        return _future_of(asyncio.run_coroutine_threadsafe(asked, self._loop.loop))

    async def _ask_to_stop(self, session_id: str, run_id: str, undo: bool) -> bool:
        shard = self._places.shard_of(session_id)
        heard = await asyncio.wrap_future(self._post.cancel(shard, run_id, undo=undo))
        if not heard:  # the session's slot may have moved
            await asyncio.to_thread(self._places.reload)
        return heard

    def retain(self, request: Forget) -> Future[dict[str, int]]:
        """Forget what a policy does not keep; the answer is how much, by kind."""
        self._places.reload()
        return _future_of(self._post.retain(self._places.keeper, request))

    # The changes

    def events(
        self, after_seq: int | str | None = 0, *, timeout_s: float | None = None
    ) -> ClusterEvents:
        """Return what changes on all shards: see :class:`ClusterEvents`.

        Args:
            after_seq: begin behind this cursor; 0: all of it, None: from now on.
            timeout_s: how long to wait for a change, in seconds; None for ever.

        Raises:
            InvalidArgument: that is no cursor.
        """
        return self._feed.events(after_seq, timeout_s)

    # What belongs to one process

    def backup(self, to: str | os.PathLike[str]) -> NoReturn:
        """Refuse: a database is copied by what keeps it.

        Raises:
            NotInCluster: always.
        """
        raise NotInCluster(
            "A backup is the copy of a directory, and this is a database: take a base "
            "backup of it, or `weft export --data postgresql://...`.",
            details={"to": os.fspath(to)},
        )

    # Counting and ending

    def statistics(self) -> RuntimeStatistics:
        """Return what the shards did and hold, added up."""
        found = self._post.statistics(self._places.shards, STATISTICS_TIMEOUT_S)
        if not found:
            raise StoreClosed("No shard of the cluster answers.")
        return summed(runtime for runtime, _ in found)

    def cluster_statistics(self) -> ClusterStatistics:
        """Return what the cluster did and how it is.

        While the database is away, the epochs are those that were known last.
        """
        with suppress(StoreUnavailable):
            self._rows = self.store.shards()
        epochs = {row.shard: row.epoch for row in self._rows}
        serving = [row.shard for row in self._rows if row.slots]
        found = self._post.statistics(serving, STATISTICS_TIMEOUT_S)
        stores = [store for _, store in found]
        repeated = self._router.statistics().repeated
        return cluster_statistics(epochs, stores, repeated, len(epochs) - len(serving))

    def hurry(self) -> None:
        """There is nothing to wait for: runs go on where they are."""

    def close(self, timeout_s: float = 5.0) -> None:
        """End the connection; the cluster goes on. Closing twice is no error.

        Args:
            timeout_s: how long to wait for its OS threads, in seconds.
        """
        if self.closed:
            return
        self._closed = True
        self._router.close(timeout_s)
        self._feed.close(timeout_s)
        self._loop.stop()
        self._loop.join(timeout_s)
        self._timers.stop(timeout_s)
        self.store.close()


def _fail(message: Command | RunCommand, error: BaseException) -> None:
    if isinstance(message, RunCommand):
        message.fail(error)
    else:
        message.future.try_fail(error)


def _answer(command: Command, raw: Future[Any]) -> None:
    """Make the caller's answer of an operation's result."""
    try:
        result = command.answer(raw.get())
    except Exception as error:  # noqa: BLE001 - it is the caller's answer
        command.future.try_fail(error)
    else:
        command.future.try_set(result)


def _future_of(call: "Call[Any]") -> Future[Any]:
    future: Future[Any] = Future()

    def settle(done: "Call[Any]") -> None:
        if done.cancelled():
            future.try_fail(StoreClosed("The connection to the cluster is closed."))
            return
        error = done.exception()
        if error is None:
            future.try_set(done.result())
        else:
            future.try_fail(error)

    call.add_done_callback(settle)
    return future
