"""A real server with small workflows, and clients that read its streams."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.daemon.http.listening import Heard
from weft.actors import ExecutionContext, Runtime
from weft.daemon.app import Application, create_app
from weft.daemon.http import HttpSettings, Tokens
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer
from weft.storage import MemoryStore, Run, Store

TIMEOUT_S = 20.0

ALL_MODES = ["values", "updates", "custom", "messages"]


class Gate:
    """Where a workflow waits for its test, and the test for it."""

    def __init__(self) -> None:
        self._reached = threading.Semaphore(0)
        self._opened = threading.Semaphore(0)

    def here(self) -> None:
        """Wait, in the workflow, until the test lets it go on once."""
        self._reached.release()
        assert self._opened.acquire(timeout=TIMEOUT_S)

    def reached(self) -> None:
        """Wait, in the test, until the workflow is here once more."""
        assert self._reached.acquire(timeout=TIMEOUT_S)

    def open(self, times: int = 1) -> None:
        """Let the workflow go on, now or when it comes here."""
        self._opened.release(times)


def count(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Count on from where the thread stands."""
    start = (context.state or {}).get("n", 0)
    for n in range(start + 1, start + 1 + config.get("by", 3)):
        context.emit({"about": n})
        context.emit({"text": f"piece {n}"}, mode="messages")
        yield {"n": n, "kind": "count"}


def fail(_context: ExecutionContext, _config: dict[str, Any]) -> Iterator[Any]:
    """Fail after a state."""
    yield {"so": "far"}
    raise ValueError("no further")


def linger(context: ExecutionContext, _config: dict[str, Any]) -> Iterator[Any]:
    """Go on until somebody says stop."""
    yield {"n": (context.state or {}).get("n", 0) + 1}
    context.emit("lingering")
    while not context.cancelled:
        threading.Event().wait(0.005)
    yield {"n": -1}


def gated(gate_of: Callable[[], Gate]) -> Callable[..., Iterator[Any]]:
    """Return a workflow that waits at a gate before each of its states.

    Args:
        gate_of: returns the gate of a run that begins.
    """

    def walk(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
        gate = gate_of()
        start = (context.state or {}).get("n", 0)
        for n in range(start + 1, config.get("to", start + 3) + 1):
            gate.here()
            context.emit({"about": n})
            yield {"n": n}

    return walk


class Client(httpx.Client):
    """A client that can read streams.

    Attributes:
        runtime: what is served to it.
        app: what answers it.
        server: where that runs.
        gate: where its workflow ``walk`` waits.
    """

    runtime: Runtime
    app: Application
    server: BackgroundServer
    gate: Gate

    def begin_anew(self) -> None:
        """Have a gate that nobody waits at, and a thread ``t`` without a past."""
        self.gate.open(100)
        coordinator = self.runtime.coordinator
        coordinator.remove_thread("t", if_running="cancel").get(timeout=TIMEOUT_S)
        self.gate = Gate()
        self.post("/threads", json={"thread_id": "t"}).raise_for_status()

    def run_of(self, run_id: str) -> Run:
        """Return a run as it is stored."""
        run = self.runtime.coordinator.get_run(run_id).get(timeout=TIMEOUT_S)
        assert run is not None
        return run

    def states_of(self, thread_id: str) -> list[Any]:
        """Return a thread's states, oldest first."""
        history = self.runtime.coordinator.thread_history(thread_id)
        return [state.values for state in reversed(history.get(timeout=TIMEOUT_S))]

    @contextmanager
    def events(self, method: str, path: str, **request: Any) -> Iterator["Events"]:
        """Open a stream for the time of a with block; its end hangs up."""
        with self.stream(method, path, **request) as answer:
            assert 200 == answer.status_code, answer.read()
            yield Events(answer)

    def heard(self, method: str, path: str, **request: Any) -> list[Heard]:
        """Return all events of a stream that comes to its end."""
        with self.events(method, path, **request) as events:
            return list(events)


def begun_anew(served: Client) -> Client:
    """Return a client with a new thread ``t``: the fixture of tests that run on it."""
    served.begin_anew()
    return served


def gate_of(client: Client) -> Gate:
    """Return where the workflow ``walk`` of a test waits: a fixture, too."""
    return client.gate


class Events:
    """The events of one stream, as they come.

    Attributes:
        headers: of the answer.
    """

    def __init__(self, answer: httpx.Response) -> None:
        self.headers = answer.headers
        self._events = _events(answer.iter_lines())

    @property
    def run_id(self) -> str:
        """The run that is streamed."""
        return run_id_in(self.headers["content-location"])

    def __iter__(self) -> Iterator[Heard]:
        return self._events

    def take(self, number: int) -> list[Heard]:
        """Return the next events."""
        return [next(self._events) for _ in range(number)]


def _events(lines: Iterator[str]) -> Iterator[Heard]:
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            data = msgspec.json.decode(fields["data"])
            yield Heard(fields.get("event", ""), data, fields.get("id", ""))
            fields = {}


def run_id_in(path: str) -> str:
    """Return the run's id in the path of a run."""
    return path.rpartition("/")[2]


def place(event: Heard) -> tuple[int, ...]:
    """Return an event's place."""
    return tuple(map(int, event.id.split("-")))


def after(event: Heard) -> dict[str, str]:
    """Return the header with which a client goes on behind an event."""
    return {"Last-Event-ID": event.id}


@contextmanager
def serving(
    workflows: Any = (),
    store: Store | None = None,
    tokens: Path | None = None,
    **settings: Any,
) -> Iterator[Client]:
    """Serve workflows, with a thread ``t``, for the time of a with block."""
    client = Client(timeout=TIMEOUT_S)
    client.gate = Gate()
    known = {
        "count": count,
        "fail": fail,
        "linger": linger,
        "walk": gated(lambda: client.gate),
        **dict(workflows),
    }
    store = MemoryStore() if store is None else store
    with Runtime.open(store=store, workflows=known) as runtime:
        app = create_app(runtime, HttpSettings(**settings), Tokens(tokens))
        listener = bind(Address("127.0.0.1", 0))
        with (
            BackgroundServer(app, listener, on_stopping=app.goodbye) as server,
            client,
        ):
            client.base_url = httpx.URL(server.url)
            client.runtime, client.app, client.server = runtime, app, server
            if tokens is None:
                body = {"thread_id": "t", "if_exists": "do_nothing"}
                client.post("/threads", json=body).raise_for_status()
            yield client
            client.gate.open(100)
