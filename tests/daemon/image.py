"""The image of a store: all that it holds, without what differs from run to run.

Left out are generated ids, times, sequence numbers, revisions and attempts. So two
stores that were told the same have the same image, crashes in between or not.
"""

from typing import Any

import msgspec

from weft.storage import Snapshot

LEFT_OUT = {
    "attempt",
    "created_at_us",
    "began_seq",
    "created_seq",
    "finished_at_us",
    "interaction_id",
    "parent_id",
    "rev",
    "run_attempt",
    "run_id",
    "started_at_us",
    "state_id",
    "timestamp_us",
    "updated_at_us",
    "updated_seq",
}

Image = dict[str, list[str]]


def row(record: msgspec.Struct) -> str:
    """Return what is told of a record, as text."""
    told: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(record).items():
        if isinstance(value, msgspec.Raw):
            told[name] = msgspec.msgpack.decode(value)
        elif name not in LEFT_OUT:
            told[name] = value
    return repr(sorted(told.items()))


def image(snapshot: Snapshot) -> Image:
    """Return all that a store holds."""
    sessions = list(snapshot.sessions())
    ids = [session.session_id for session in sessions]
    threads = [thread for one in ids for thread in snapshot.threads(one)]
    return {
        "sessions": sorted(row(session) for session in sessions),
        "threads": sorted(row(thread) for thread in threads),
        "associations": sorted(
            row(found)
            for thread in threads
            for found in snapshot.associations_by_thread(thread.thread_id)
        ),
        "states": [
            row(state)
            for thread in sorted(threads, key=lambda thread: thread.thread_id)
            for state in reversed(list(snapshot.states(thread.thread_id)))
        ],
        "runs": sorted(
            row(run) for thread in threads for run in snapshot.runs(thread.thread_id)
        ),
        "interactions": sorted(
            row(found) for one in ids for found in snapshot.interactions(one)
        ),
    }
