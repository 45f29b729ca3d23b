"""A shard: the sessions of some slots, in one process, for callers in many.

It takes letters, a batch at a time, posts them to its runtime, and answers when all of
a batch are durable. Free of Ray: :mod:`weft.cluster.ray_shard` puts it into a process.

Guarantees:
    * a command for a session of another shard is sent back (:class:`WrongShard`);
    * nothing is answered once the epoch could not be proven for :data:`STALE_S`;
    * an answer comes after the peers concerned have heard of the commit.
"""

import asyncio
import pickle
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from weft.actors.future import Future
from weft.actors.retention import Forget
from weft.actors.statistics import RuntimeStatistics
from weft.actors.stream import Stream
from weft.cluster.errors import ShardUnavailable, WrongShard
from weft.cluster.postgres_statistics import PostgresStatistics
from weft.cluster.shard_mail import (
    Answer,
    Letter,
    RunOrder,
    Shown,
    answer_failure,
    answer_result,
    decode_letters,
    decode_order,
    encode,
)
from weft.cluster.shard_news import Changed, Herald, Wake
from weft.cluster.shard_runtime import SessionView, ShardRuntime
from weft.storage import TransferThreads
from weft.storage.rules import subjects

if TYPE_CHECKING:
    from concurrent.futures import Future as Call

__all__ = ["STALE_S", "Shard", "ShardReport"]

STALE_S: Final = 3.0
"""How long a shard serves without having proven its epoch: three of the store's
proofs."""

_OF_ANYBODY: Final = {"TransferThreads", "RemoveThreads", "ForkThread", "Batch"}
"""Operations on threads whose sessions they need not name."""

Send = Callable[[int, Changed], "Call[Any]"]
"""Tells a peer what a commit changed there."""


class ShardReport(msgspec.Struct, frozen=True):
    """How a shard is.

    Attributes:
        shard: its number.
        epoch: how often it was taken over.
        pid: its process.
        host: its node.
        epoch_age_s: how long ago the epoch was proven, in seconds.
        sessions: resident ones.
        applied: operations since the process began.
        crossed: those of them that concerned sessions of several shards.
        unheard: peers that did not hear of one in time.
        seq: the last operation of its log.
    """

    shard: int
    epoch: int
    pid: int
    host: str
    epoch_age_s: float
    sessions: int
    applied: int
    crossed: int
    unheard: int
    seq: int


class Shard:
    """One shard's work.

    Args:
        runtime: on the shard's store.
        send: tells a peer; never blocks.
    """

    def __init__(self, runtime: ShardRuntime, send: Send) -> None:
        self.runtime = runtime
        self._store = runtime.store
        self._number = self._store.fence.shard
        self._herald = Herald(
            self._number, self._store.shard_of, send,
            runtime.receive,
        )  # fmt: skip
        self._store.tell = self._herald.tell
        with self._store.read() as snapshot:
            self._herald.tell_again(snapshot)

    # What callers ask

    async def apply(self, payload: bytes) -> bytes:
        """Apply a batch of commands.

        Args:
            payload: encoded letters.

        Returns:
            encoded answers, in the same order.

        Raises:
            ShardUnavailable: the shard may not answer at present.
        """
        self.check_fresh()
        letters = decode_letters(payload)
        owners = self._owners(
            thread_id for letter in letters for thread_id in _to_look_up(letter)
        )
        asked = [self._send(letter, owners) for letter in letters]
        answers = [await _answered(future) for future in asked]
        await self._herald.heard(one.op_id for one in asked if one.op_id is not None)
        return encode(answers)

    def _owners(self, thread_ids: Iterable[str]) -> dict[str, str]:
        """Return the sessions that own threads, by thread: one look for all of them."""
        wanted = dict.fromkeys(thread_ids)
        if not wanted:
            return {}
        with self._store.read() as snapshot:
            found = snapshot.threads_of(wanted)
            return {thread.thread_id: thread.session_id for thread in found}

    def _send(self, letter: Letter, owners: Mapping[str, str]) -> Future[Any]:
        operation = letter.operation
        future: Future[Any] = Future()
        try:
            shards = self._shards_of(letter, owners)
        except ShardUnavailable as error:
            error.op_id = operation.op_id
            return Future.failed(error)
        if shards:
            self._store.across[operation.op_id] = shards
            future.add_done_callback(
                lambda _: self._store.across.pop(operation.op_id, None)
            )
        self.runtime.send(
            letter.to_command(future),
            session_id=letter.session_id,
            thread_id=letter.thread_ids[0] if letter.thread_ids else None,
            timeout_s=letter.timeout_s,
        )
        return future

    def _shards_of(self, letter: Letter, owners: Mapping[str, str]) -> tuple[int, ...]:
        """Return the other shards whose sessions an operation concerns.

        Raises:
            WrongShard: the session that is asked is on one of them.
        """
        store = self._store
        found = [owners[one] for one in _to_look_up(letter) if one in owners]
        asked = letter.session_id or (found[0] if found else None)
        if asked is not None and not store.owns(asked):
            raise _wrong_shard(asked, store.shard_of(asked))
        session_ids, _ = subjects(letter.operation)
        shards = {store.shard_of(one) for one in session_ids + found}
        return tuple(sorted(shards - {self._number}))

    async def run(self, payload: bytes) -> bytes:
        """Run a thread's workflow, and answer with what it came to.

        Args:
            payload: an encoded order.
        """
        self.check_fresh()
        order = decode_order(payload)
        try:
            self._check_run(order)
        except ShardUnavailable as error:
            return encode([answer_failure(error)])
        future: Future[Any] = Future()
        self.runtime.send(
            order.to_command(future),
            session_id=order.session_id,
            thread_id=order.thread_id,
            timeout_s=order.timeout_s,
        )
        return encode([await _answered(future)])

    def _check_run(self, order: RunOrder) -> None:
        store, session_id = self._store, order.session_id
        if session_id is None and order.thread_id is not None:
            session_id = self._owners([order.thread_id]).get(order.thread_id)
        if session_id is not None and not store.owns(session_id):
            raise _wrong_shard(session_id, store.shard_of(session_id))

    async def stream(self, payload: bytes) -> AsyncIterator[bytes]:
        """Run a thread's workflow and yield what it shows; the answer comes last.

        That of a run in the background is its record, and comes first.

        Args:
            payload: an encoded order.
        """
        self.check_fresh()
        order = decode_order(payload)
        self._check_run(order)
        stream: Stream[Any] = Stream(_too_slow)
        future: Future[Any] = Future()
        command = order.to_command(future)
        command.stream = stream
        self.runtime.send(
            command,
            session_id=order.session_id,
            thread_id=order.thread_id,
            timeout_s=order.timeout_s,
        )
        if order.background:
            yield encode(Shown(None, await _answered(future)))
        try:
            async for item in stream:
                yield encode(Shown(pickle.dumps(item)))
        except Exception as error:  # noqa: BLE001 - whoever reads is told
            yield encode(Shown(None, answer_failure(error)))
        else:
            if not order.background:
                yield encode(Shown(None, await _answered(future)))

    async def cancel(self, run_id: str, *, undo: bool) -> bool:
        """Ask a run to stop; the answer is whether it was here and had not ended."""
        return bool(await self.runtime.cancel(run_id, undo=undo))

    async def retain(self, request: Forget) -> dict[str, int]:
        """Forget what a policy does not keep; the answer is how much, by kind."""
        self.check_fresh()
        forgotten: dict[str, int] = await self.runtime.retain(request)
        return forgotten

    async def views(
        self, session_ids: Sequence[str] | None = None, *, linearizable: bool = False
    ) -> list[SessionView]:
        """Return what this shard's memory says of sessions.

        Args:
            session_ids: which; those that are not resident are read first. None for
                all that are resident.
            linearizable: not older than the call: the epoch is proven once for all of
                them. Else not older than :data:`STALE_S`.

        Raises:
            ShardUnavailable: the epoch cannot be proven.
            WrongShard: one of the sessions is on another shard.
        """
        for session_id in session_ids or ():
            if not self._store.owns(session_id):
                shard = self._store.shard_of(session_id)
                raise _wrong_shard(session_id, shard)
        if linearizable:
            await asyncio.to_thread(self._store.prove)
        self.check_fresh()
        if session_ids is not None:
            wake = Wake(tuple(session_ids))
            await asyncio.wrap_future(self.runtime.receive(wake))
        return self.runtime.views(session_ids)

    # What peers tell, and the supervisor asks

    async def changed(self, changed: Changed) -> None:
        """Hear of what another shard committed."""
        await asyncio.wrap_future(self.runtime.receive(changed))

    def check_fresh(self) -> None:
        """Return if the shard may answer.

        Raises:
            ShardUnavailable: it could not prove its epoch lately.
        """
        age_s = self._store.proved_age_s
        if age_s > STALE_S:
            raise ShardUnavailable(
                f"Shard {self._number} could not prove its epoch for {age_s:.1f} s.",
                details={"epoch_age_s": age_s, "retry_after_s": 1.0},
            )

    def report(self, pid: int, host: str) -> ShardReport:
        """Return how the shard is.

        Args:
            pid: of its process.
            host: of its node.
        """
        statistics = self.runtime.statistics()
        store = self._store
        return ShardReport(
            shard=self._number,
            epoch=store.fence.epoch,
            pid=pid,
            host=host,
            epoch_age_s=store.proved_age_s,
            sessions=len(self.runtime.services.sessions),
            applied=sum(
                number
                for (_, outcome), number in statistics.writer.operations.items()
                if outcome == "applied"
            ),
            crossed=store.crossed,
            unheard=self._herald.unheard,
            seq=store.seq,
        )

    def statistics(self) -> tuple[RuntimeStatistics, PostgresStatistics]:
        """Return what the shard did and holds: its runtime, and its store."""
        return self.runtime.statistics(), self._store.cluster_statistics()


async def _answered(future: Future[Any]) -> Answer:
    try:
        return answer_result(await future)
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - whoever asked is told
        return answer_failure(error)


def _to_look_up(letter: Letter) -> list[str]:
    """Return the threads that may belong to sessions that a letter does not name."""
    operation = letter.operation
    if isinstance(operation, TransferThreads) and operation.from_session_id is not None:
        return []  # it is refused if they are not that session's
    if letter.session_id is None or operation.kind in _OF_ANYBODY:
        return subjects(operation)[1]
    return []


def _wrong_shard(session_id: str, shard: int) -> WrongShard:
    return WrongShard(
        f"Session {session_id!r} is on shard {shard}.",
        session_id=session_id,
        details={"shard": shard, "retry_after_s": 0.0},
    )


def _too_slow() -> ShardUnavailable:
    return ShardUnavailable("The reader is too far behind and was cut off.")
