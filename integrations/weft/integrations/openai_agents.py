"""The memory of an OpenAI agent on a Weft thread: durable, audited, movable.

::

    session = WeftSession(runtime, "conversation-1", owner="alice")
    await Runner.run(agent, "Hello", session=session)
    await runtime.thread("conversation-1").transfer_to("bob")

A change is one state: its items, and the step of the state below it. So the states are
a stack that is never rewritten: to pop is to append what is left of the top, to clear
is to append an empty state with nothing below. The thread's history keeps what was
popped, until retention forgets it.

Guarantees:
    * a change that has returned is fsynced; it is whole or not there at all;
    * changes at the same time, in one process or through one daemon, are all kept, in
      one order;
    * a conversation whose thread was removed does not come back by accident:
      ThreadNotFound while the tombstone lives.

Not here: the agent's code. A run in progress on the same thread refuses changes by
hand (ThreadBusy): a workflow that calls agents keeps their memory on other threads.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from agents.items import TResponseInputItem
from agents.memory import SessionSettings

from weft.integrations.desk import TIMEOUT_S, Desk, stamp
from weft.storage import (
    AppendState,
    Batch,
    CreateThreads,
    InvalidArgument,
    NewThread,
    Operation,
    Snapshot,
    StaleRevision,
    State,
    Store,
    ThreadExists,
    new_id,
)
from weft.storage.ids import check_id
from weft.storage.keys import thread_key
from weft.storage.operations import encode_value

__all__ = ["OWNER", "WeftSession"]

OWNER: Final = "openai-agents"
"""The session that owns conversations which name no other one."""


class _Node(msgspec.Struct, frozen=True):
    """What one state of the thread holds.

    Attributes:
        items: in the conversation's order.
        below: the step of the state that holds the items before them; 0 for none.
    """

    items: list[Any]
    below: int


_NodeFor = Callable[[Snapshot, int], _Node | None]
"""What is appended, for what there is and its last step; None for nothing."""


class WeftSession:
    """The memory of one conversation; the SDK's ``Session`` protocol.

    Args:
        store: a runtime, or an open store; it stays open.
        session_id: the conversation; the id of the thread that keeps it.
        owner: the session that the thread is created in; made if it is missing. A
            thread that exists stays with the owner it has.
        session_settings: the SDK's; its ``limit`` is how many items are read at most.
        timeout_s: how long a change may take, in seconds.

    Raises:
        InvalidArgument: an id is none.
    """

    def __init__(
        self,
        store: Store | Any,
        session_id: str,
        *,
        owner: str = OWNER,
        session_settings: SessionSettings | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.session_id = check_id(session_id, "session id")
        self.session_settings = session_settings
        self._owner = check_id(owner, "session id")
        self._desk = Desk(getattr(store, "store", store), timeout_s)

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Return the conversation, oldest item first.

        Args:
            limit: only so many of the newest; None for the settings' limit, if any.

        Raises:
            InvalidArgument: the thread keeps something else.
        """
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        if limit is not None and limit < 0:  # as in the SDK's own sessions
            limit = None
        return await asyncio.to_thread(self._items, limit)

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Append items.

        Raises:
            ThreadBusy: a run is in progress on the thread.
            ThreadNotFound: the thread was removed.
            InvalidArgument: an item cannot be encoded, or they are too large.
        """
        if items:
            await self._push(lambda _, last: _Node(items, below=last))

    async def pop_item(self) -> TResponseInputItem | None:
        """Remove the newest item and return it; None if there is none.

        Raises:
            ThreadBusy: a run is in progress on the thread.
            InvalidArgument: the thread keeps something else.
        """
        popped: TResponseInputItem | None = None

        def left(snapshot: Snapshot, last: int) -> _Node | None:
            nonlocal popped
            top = next(self._stack(snapshot, last), None)
            if top is None:
                popped = None
                return None
            popped = top.items[-1]
            return _Node(top.items[:-1], top.below)

        await self._push(left)
        return popped

    async def clear_session(self) -> None:
        """Remove all items; whoever adds some begins anew.

        Raises:
            ThreadBusy: a run is in progress on the thread.
        """
        await self._push(lambda _, last: _Node([], below=0) if last else None)

    def _items(self, limit: int | None) -> list[TResponseInputItem]:
        newest_first: list[TResponseInputItem] = []
        with self._desk.store.read() as snapshot:
            for node in self._stack(snapshot, self._last(snapshot)):
                if limit is not None and len(newest_first) >= limit:
                    break
                newest_first.extend(reversed(node.items))
        return newest_first[:limit][::-1]

    def _last(self, snapshot: Snapshot) -> int:
        """Return the thread's last step, 0 for none."""
        state = snapshot.state(self.session_id)
        return state.step if state else 0

    def _stack(self, snapshot: Snapshot, step: int) -> Iterator[_Node]:
        """Yield the nodes that hold items, newest first, as far as they are kept."""
        while step:
            state = snapshot.state(self.session_id, step)
            if state is None:  # forgotten by retention, with all that is below
                return
            node = self._node(state)
            if node.items:
                yield node
            step = node.below

    def _node(self, state: State) -> _Node:
        try:
            return msgspec.msgpack.decode(state.values_raw, type=_Node)
        except msgspec.ValidationError as error:
            raise InvalidArgument(
                f"Thread {self.session_id!r} keeps something else than a "
                "conversation. Give the session an id of its own.",
                thread_id=self.session_id,
                cause=error,
            ) from None

    async def _push(self, node_for: _NodeFor) -> None:
        """Append the node made for what is there, again if it was not the last."""

        def addition(snapshot: Snapshot) -> Operation | None:
            is_new = snapshot.get(thread_key(self.session_id)) is None
            last = self._last(snapshot)
            node = node_for(snapshot, last)
            return None if node is None else self._change(node, last, is_new=is_new)

        await self._desk.aapply_to_what_is(addition, (StaleRevision, ThreadExists))

    def _change(self, node: _Node, last: int, *, is_new: bool) -> Operation:
        append = AppendState(
            **stamp(),
            thread_id=self.session_id,
            state_id=new_id(),
            values=encode_value(node, "the items"),
            after_step=last,
        )
        if not is_new:
            return append
        create = CreateThreads(
            **stamp(),
            session_id=self._owner,
            threads=(NewThread(self.session_id, self.session_id),),
            create_session=True,
        )
        return Batch(**stamp(), parts=(create, append))
