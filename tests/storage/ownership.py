"""Sessions, threads and who owns them, in few words."""

from tests.storage.client import Client
from weft.storage import Association, Outcome, Thread
from weft.storage.operations import (
    CreateSession,
    CreateThreads,
    NewThread,
    TransferThreads,
)


def session(session_id: str, op_id: str = "") -> CreateSession:
    return CreateSession(session_id=session_id, op_id=op_id)


def threads(session_id: str, *pairs: str, create: bool = False) -> CreateThreads:
    """Create threads from `id:name` pairs."""
    parted = [pair.partition(":") for pair in pairs]
    new = tuple(NewThread(thread_id, name) for thread_id, _, name in parted)
    return CreateThreads(session_id=session_id, threads=new, create_session=create)


def transfer(thread_id: str, to: str, **more: object) -> TransferThreads:
    return TransferThreads(thread_ids=(thread_id,), to_session_id=to, **more)  # type: ignore[arg-type]


def told(outcome: Outcome) -> list[tuple[str, str, str | None, str | None]]:
    """Return who is told what of which thread, and who else is in it."""
    return [
        (
            e.session_id,
            e.change,
            e.thread.thread_id if e.thread else None,
            e.counterpart,
        )
        for e in outcome.events
    ]


def names(client: Client, session_id: str) -> dict[str, str]:
    return dict(client.see(lambda s: list(s.names(session_id))))


def thread(client: Client, thread_id: str) -> Thread:
    found = client.see(lambda s: s.thread(thread_id))
    assert found is not None
    return found


def row(client: Client, session_id: str, thread_id: str) -> Association:
    found = client.see(lambda s: s.association(session_id, thread_id))
    assert found is not None
    return found


def with_two_sessions(client: Client) -> Client:
    """Make sessions `a` and `b`; `a` owns the threads `t1`, `one`, and `t2`, `two`."""
    client.do(session("a"))
    client.do(session("b"))
    client.do(threads("a", "t1:one", "t2:two"))
    return client
