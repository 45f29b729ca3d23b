"""The router: brings commands to the shards, in batches, until they are answered.

One OS thread gathers what callers submit, sends each shard a batch at a time, and
hands out the answers. What comes back without an answer, because a process died or the
sessions have moved, is sent again under its ``op_id``: the log of the store makes that
one effect. A command that may wait long (for a run to end) travels alone, so that
nobody waits with it.

Guarantees:
    * every command is answered: result, error of its own, or
      :class:`ShardUnavailable` when its patience is over;
    * a command whose caller has given up is not sent again;
    * one shard that hangs holds nobody up who speaks to another.
"""

import heapq
import logging
import queue
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import msgspec

from weft.actors.future import Future
from weft.cluster.errors import ShardUnavailable, WrongShard
from weft.cluster.router_map import RouterMap
from weft.cluster.shard_mail import (
    Answer,
    Letter,
    Order,
    RunOrder,
    decode_answers,
    encode,
    failure_of,
    result_of,
    run_result_of,
)
from weft.storage import Overloaded, StoreClosed, StoreReadOnly, StoreUnavailable

if TYPE_CHECKING:
    from concurrent.futures import Future as Call

__all__ = ["Address", "Post", "Router", "RouterStatistics"]

logger = logging.getLogger("weft.cluster")

BATCH_LETTERS_MAX: Final = 500
"""Beyond it a commit gains nothing and everybody in it waits longer."""

CALLS_PER_SHARD_MAX: Final = 4
"""Batches on their way to one shard: while one commits, the next is being decoded."""

PENDING_MAX: Final = 65_536
"""Commands that are not answered; beyond it callers are told."""

PATIENCE_S: Final = 60.0
"""For a command without a timeout: a machine that dies is replaced within ten."""

CALL_TIMEOUT_S: Final = 15.0
"""For a batch; then it is sent again, and what comes back late is not heard."""

BACKOFF_S: Final = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)

PASSING: Final = (ShardUnavailable, StoreClosed, StoreReadOnly, StoreUnavailable)
"""What a shard says of itself, not of the command: its process is ending, or its
database is away. The same command may be sent again."""

LOOK_S: Final = 0.5
"""How often calls that take too long are looked for."""

Method = Literal["apply", "run"]


class Post(Protocol):
    """What brings bytes to a shard."""

    def send(self, shard: int, method: Method, payload: bytes) -> "Call[bytes]":
        """Return the shard's answer to come; never blocks."""
        ...


class RouterStatistics(msgspec.Struct, frozen=True):
    """What a router did.

    Attributes:
        pending: commands that are not answered.
        calls: batches that were sent.
        letters: commands in them, repetitions included.
        repeated: commands that were sent again.
        misdirected: those of them that had reached the wrong shard.
    """

    pending: int
    calls: int
    letters: int
    repeated: int
    misdirected: int


Address = Callable[[], tuple[str | None, Order]]
"""Finds, anew for every attempt, which session a command goes to, and its words to it;
None where nobody owns the thread."""


class _Parcel(msgspec.Struct, eq=False):
    """A command and who waits for it."""

    order: Order
    future: Future[Any]
    address: Address
    give_up_s: float
    tries: int = 0

    @property
    def alone(self) -> bool:
        return isinstance(self.order, RunOrder) or self.order.if_running in {
            "wait",
            "cancel",
        }


class _Sent(msgspec.Struct, eq=False):
    """A call on its way."""

    shard: int
    parcels: list[_Parcel]
    call: "Call[bytes]"
    late_s: float


class Router:
    """Brings commands to shards.

    Args:
        post: carries the bytes.
        places: where sessions are.
        monotonic_s: the clock.
    """

    def __init__(
        self,
        post: Post,
        places: RouterMap,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._post = post
        self._places = places
        self._monotonic_s = monotonic_s
        self._inbox: queue.SimpleQueue[_Parcel | _Sent | None] = queue.SimpleQueue()
        self._lines: dict[int, deque[_Parcel]] = {}
        self._in_flight: dict[int, int] = {}
        self._sent: dict[int, _Sent] = {}
        self._later: list[tuple[float, int, _Parcel]] = []
        self._numbers = count()
        self._pending: set[int] = set()
        self._calls = self._letters = self._repeated = self._misdirected = 0
        self._closed = False
        self._os_thread = Thread(target=self._run, name="weft-router", daemon=True)
        self._os_thread.start()

    def submit(
        self,
        order: Order,
        future: Future[Any],
        address: Address,
        timeout_s: float | None = None,
    ) -> None:
        """Bring a command to the shard of a session; from any OS thread.

        Args:
            order: the command.
            future: gets the operation's result, or what the run came to.
            address: finds where it goes.
            timeout_s: how long to try.

        Raises:
            Overloaded: too many commands are not answered.
            StoreClosed: the router is closed.
        """
        if self._closed:
            raise StoreClosed("The connection to the cluster is closed.")
        if len(self._pending) >= PENDING_MAX:
            raise Overloaded(f"{PENDING_MAX} commands wait for the cluster.")
        give_up_s = self._monotonic_s() + (
            PATIENCE_S if timeout_s is None else timeout_s
        )
        parcel = _Parcel(order, future, address, give_up_s)
        self._pending.add(id(parcel))
        self._inbox.put(parcel)

    def close(self, timeout_s: float = 5.0) -> None:
        """Send nothing more; whoever waits is answered with StoreClosed.

        Args:
            timeout_s: how long to wait for the OS thread, in seconds.
        """
        self._closed = True
        self._inbox.put(None)
        self._os_thread.join(timeout_s)

    def statistics(self) -> RouterStatistics:
        """Return what the router did so far."""
        return RouterStatistics(
            len(self._pending),
            self._calls,
            self._letters,
            self._repeated,
            self._misdirected,
        )

    # The OS thread

    def _run(self) -> None:
        while not self._closed:
            self._take()
            self._resume()
            self._look_for_late()
            for shard in list(self._lines):
                self._send(shard)
        self._answer_all()

    def _take(self) -> None:
        """Wait for what comes in, and take all of it."""
        wait_s = LOOK_S
        if self._later:
            wait_s = min(wait_s, max(0.0, self._later[0][0] - self._monotonic_s()))
        try:
            item = self._inbox.get(timeout=wait_s)
            while True:
                if isinstance(item, _Parcel):
                    self._place(item)
                elif isinstance(item, _Sent):
                    self._returned(item)
                item = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _place(self, parcel: _Parcel) -> None:
        """Put a command into the line of its shard."""
        try:
            session_id, parcel.order = parcel.address()
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._again(parcel, error)
            return
        # Nobody owns the thread: any shard says so, and enters it in its log.
        shard = self._places.shard_of(session_id or _op_id(parcel.order))
        self._lines.setdefault(shard, deque()).append(parcel)

    def _resume(self) -> None:
        now_s = self._monotonic_s()
        while self._later and self._later[0][0] <= now_s:
            self._place(heapq.heappop(self._later)[2])

    def _send(self, shard: int) -> None:
        line = self._lines[shard]
        while line:
            if line[0].alone:
                self._call(shard, [line.popleft()])
            elif self._in_flight.get(shard, 0) < CALLS_PER_SHARD_MAX:
                self._call(shard, _batch(line))
            else:
                return

    def _call(self, shard: int, parcels: list[_Parcel]) -> None:
        parcels = [one for one in parcels if not self._given_up(one)]
        if not parcels:
            return
        first = parcels[0]
        alone = first.alone
        orders = [one.order for one in parcels]
        try:
            if isinstance(first.order, RunOrder):
                call = self._post.send(shard, "run", encode(first.order))
            else:
                call = self._post.send(shard, "apply", encode(orders))
        except Exception as error:  # noqa: BLE001 - a post fails in ways of its own
            for parcel in parcels:
                self._again(parcel, error)
            return
        self._calls += 1
        self._letters += len(parcels)
        if not alone:
            self._in_flight[shard] = self._in_flight.get(shard, 0) + 1
        late_s = float("inf") if alone else self._monotonic_s() + CALL_TIMEOUT_S
        sent = _Sent(shard, parcels, call, late_s)
        self._sent[id(sent)] = sent
        call.add_done_callback(lambda _: self._inbox.put(sent))

    def _given_up(self, parcel: _Parcel) -> bool:
        if parcel.future.done():
            self._pending.discard(id(parcel))
            return True
        return False

    def _returned(self, sent: _Sent) -> None:
        if self._sent.pop(id(sent), None) is None:
            return  # it was late, and its commands were sent again
        self._free(sent)
        try:
            answers = decode_answers(sent.call.result())
        except Exception as error:  # noqa: BLE001 - a process died, a machine is gone
            for parcel in sent.parcels:
                self._again(parcel, error)
            return
        for parcel, answer in zip(sent.parcels, answers, strict=True):
            self._settle(parcel, answer)

    def _free(self, sent: _Sent) -> None:
        if not sent.parcels[0].alone:
            self._in_flight[sent.shard] -= 1

    def _look_for_late(self) -> None:
        now_s = self._monotonic_s()
        for sent in [one for one in self._sent.values() if one.late_s <= now_s]:
            del self._sent[id(sent)]
            self._free(sent)
            words = f"Shard {sent.shard} did not answer within {CALL_TIMEOUT_S:g} s."
            for parcel in sent.parcels:
                self._again(parcel, ShardUnavailable(words))

    def _settle(self, parcel: _Parcel, answer: Answer) -> None:
        error = failure_of(answer)
        if error is None:
            self._pending.discard(id(parcel))
            parcel.future.try_set(_result(parcel.order, answer))
        elif isinstance(error, PASSING):
            self._misdirected += isinstance(error, WrongShard)
            self._again(parcel, error)
        else:
            self._pending.discard(id(parcel))
            parcel.future.try_fail(error)

    def _again(self, parcel: _Parcel, error: BaseException) -> None:
        """Send a command again in a while, unless its time is over."""
        if self._given_up(parcel):
            return
        now_s = self._monotonic_s()
        if now_s >= parcel.give_up_s:
            self._pending.discard(id(parcel))
            parcel.future.try_fail(_unavailable(parcel, error))
            return
        self._reload()
        pause_s = BACKOFF_S[min(parcel.tries, len(BACKOFF_S) - 1)]
        parcel.tries += 1
        self._repeated += 1
        heapq.heappush(self._later, (now_s + pause_s, next(self._numbers), parcel))

    def _reload(self) -> None:
        try:
            self._places.reload()
        except Exception as error:  # noqa: BLE001 - the old map does meanwhile
            logger.warning("the map of slots could not be read: %s", error)

    def _answer_all(self) -> None:
        parcels = [one for _, _, one in self._later]
        parcels += [one for line in self._lines.values() for one in line]
        parcels += [one for sent in self._sent.values() for one in sent.parcels]
        while not self._inbox.empty():
            item = self._inbox.get_nowait()
            if isinstance(item, _Parcel):
                parcels.append(item)
        for parcel in parcels:
            words = "The connection to the cluster was closed."
            parcel.future.try_fail(StoreClosed(words, op_id=_op_id(parcel.order)))
        self._pending.clear()


def _batch(line: deque[_Parcel]) -> list[_Parcel]:
    """Take from a line what may travel together."""
    parcels: list[_Parcel] = []
    while line and len(parcels) < BATCH_LETTERS_MAX and not line[0].alone:
        parcels.append(line.popleft())
    return parcels


def _op_id(order: Order) -> str:
    return order.operation.op_id if isinstance(order, Letter) else order.op_id


def _result(order: Order, answer: Answer) -> Any:
    if isinstance(order, Letter):
        return result_of(order.operation, answer)
    return run_result_of(order, answer)


def _unavailable(parcel: _Parcel, error: BaseException) -> ShardUnavailable:
    return ShardUnavailable(
        f"The operation was sent {parcel.tries + 1} times and not answered: {error}",
        op_id=_op_id(parcel.order),
        cause=error,
    )
