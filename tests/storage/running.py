"""A thread and its run, in few words."""

from tests.storage.client import Client
from weft.storage import Run, State, Thread
from weft.storage.operations import AppendState, CreateThreads, NewThread, StartRun

START = StartRun(thread_id="t", run_id="r", workflow="w")


def with_a_thread(client: Client) -> Client:
    """Make a session `a` that owns a thread `t` named `name`."""
    new = (NewThread("t", "name"),)
    client.do(CreateThreads(session_id="a", threads=new, create_session=True))
    return client


def thread(client: Client) -> Thread:
    found = client.see(lambda s: s.thread("t"))
    assert found is not None
    return found


def run(client: Client) -> Run:
    found = client.see(lambda s: s.run("r"))
    assert found is not None
    return found


def states(client: Client) -> list[State]:
    return client.see(lambda s: list(s.states("t")))


def write(state_id: str = "s", **more: object) -> AppendState:
    """Return a state written by the run."""
    fields = {"run_id": "r", "values": state_id} | more
    return AppendState(thread_id="t", state_id=state_id, **fields)  # type: ignore[arg-type]
