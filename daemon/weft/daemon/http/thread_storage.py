"""How much a thread takes in the store, by what it is made of."""

from collections import Counter
from typing import Any, Final

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.thread_states import find_thread
from weft.storage.checkpoints import ChannelValue, Checkpoint, PendingWrite

__all__ = ["thread_storage"]

thread_storage: Final = Table("threads")


class ThreadStorage(msgspec.Struct):
    """Sizes in bytes, of the data alone: keys and indexes are not counted.

    ``channels`` has all versions of a graph's channels; ``states`` what runs yielded.
    """

    thread_id: str
    size_bytes: int
    channels: dict[str, int]
    checkpoints: int
    writes: int
    states: int


@thread_storage.get("/threads/{thread_id}/storage")
async def get_thread_storage(call: Call[None, None]) -> ThreadStorage:
    """Return how many bytes a thread's states, checkpoints and channels have."""
    thread_id = call.access.thread(call.path("thread_id"))
    return await call.beside(lambda: _sizes(call, thread_id))


def _sizes(call: Call[Any, Any], thread_id: str) -> ThreadStorage:
    channels: Counter[str] = Counter()
    checkpoints = writes = 0
    with call.runtime.store.read() as snapshot:
        find_thread(snapshot, thread_id)
        states = sum(
            len(bytes(state.values_raw)) + len(bytes(state.metadata_raw))
            for state in snapshot.states(thread_id)
        )
        for _, value in snapshot.graph_entries(thread_id):
            match value:
                case ChannelValue():
                    channels[value.channel] += len(value.data[1])
                case Checkpoint():
                    checkpoints += len(value.data[1]) + len(value.metadata[1])
                case PendingWrite():
                    writes += len(value.data[1])
    size_bytes = states + checkpoints + writes + sum(channels.values())
    return ThreadStorage(
        thread_id, size_bytes, dict(channels), checkpoints, writes, states
    )
