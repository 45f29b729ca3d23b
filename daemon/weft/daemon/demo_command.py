"""``weft demo``: everything there is to look at, for a minute and for nothing.

A temporary store with a living load behind a real daemon: sessions come, get threads,
run them, hand them over, and close.

Guarantees: what was begun is ended and nothing is left behind, however it ends; it is
the daemon that ``weft serve`` would run.
"""

import random
import socket
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from weft.actors import Runtime, ThreadSpec, workflow
from weft.daemon.app import create_app
from weft.daemon.checking import Checker, CheckSettings
from weft.daemon.http.history import Sampler
from weft.daemon.listen import Address, ListenError, bind, bind_unix
from weft.daemon.meeting_place import bind_default, default_socket
from weft.daemon.opening import open_runtime
from weft.daemon.server import BackgroundServer
from weft.daemon.stop import Stop, stop_signals
from weft.storage import SessionThreadException

__all__ = ["demo"]

SESSIONS: Final = ("alice", "bob", "carol", "dave", "erin", "frank")
TOPICS: Final = ("billing", "holiday", "notes", "research", "support", "travel")
STEPS_MAX: Final = 5
OP_TIMEOUT_S: Final = 10.0
CHECKS: Final = CheckSettings(interval_s=15.0, cpu_share=0.5)
"""So often that there is something to see within the minute that people look."""
TICK_S: Final = 0.5
"""How soon a stop is seen at a low rate."""


@workflow(name="count", version="1")
def _count(_context: Any, config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Count to a number, a durable state each."""
    for number in range(1, int(config.get("to", 3)) + 1):
        yield {"counted": number}


def demo(*, listen: Address, seconds: float | None, rate: float, quiet: bool) -> None:
    """Run the demonstration until it is told to stop, or its time is over.

    Args:
        listen: where to answer.
        seconds: how long; None for until Ctrl-C.
        rate: operations a second.
        quiet: say nothing.

    Raises:
        ListenError: the address cannot be listened on.
    """
    stop = Stop()
    with stop_signals(stop), ExitStack() as stack:
        listener = stack.enter_context(bind(listen))
        place = Path(stack.enter_context(TemporaryDirectory(prefix="weft-demo-")))
        local = _local_socket(stack, place / "weft.sock")
        runtime = stack.enter_context(open_runtime(place / "data", [_count]))
        app = create_app(runtime)
        server = stack.enter_context(
            BackgroundServer(app, listener, local=[local], on_stopping=app.goodbye)
        )
        load = _Load(runtime)
        load.begin()
        stack.enter_context(Checker(runtime, CHECKS))
        stack.enter_context(Sampler(app.site.history))
        if not quiet:
            _say(_greeting(server.url, place / "data", local))
        with _counted(load, quiet=quiet):
            _drive(load, stop, seconds, 1 / rate)


def _local_socket(stack: ExitStack, otherwise: Path) -> socket.socket:
    """Return the socket where commands look by themselves, or else another one."""
    try:
        return stack.enter_context(bind_default(default_socket()))
    except ListenError:
        return stack.enter_context(bind_unix(otherwise))


def _drive(load: "_Load", stop: Stop, seconds: float | None, interval_s: float) -> None:
    began_s = next_s = time.monotonic()
    while stop.signum is None:
        now_s = time.monotonic()
        if seconds is not None and now_s - began_s >= seconds:
            return
        if now_s < next_s:
            time.sleep(min(next_s - now_s, TICK_S))
            continue
        next_s = max(next_s + interval_s, now_s)
        load.act()


class _Load:
    """What users of the sample sessions do, one thing at a time.

    Attributes:
        done: operations that were applied.
        refused: operations that were refused, which belongs to a living load.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._coordinator = runtime.coordinator
        self._random = random.Random(20_26)  # noqa: S311 - a sample, the same each time
        self._number = 0
        self.done = 0
        self.refused = 0

    def begin(self) -> None:
        """Make what is to be seen at once."""
        for session_id in SESSIONS:
            self._coordinator.create_session(session_id, user_id=session_id).get(
                timeout=OP_TIMEOUT_S
            )
            self._create(session_id)

    def act(self) -> None:
        """Do something."""
        kinds = (self._run, self._create, self._move, self._rename, self._remove)
        (kind,) = self._random.choices(kinds, weights=(12, 3, 3, 1, 2))
        session_id = self._random.choice(SESSIONS)
        try:
            kind(session_id)
        except SessionThreadException:
            self.refused += 1
        else:
            self.done += 1

    def _create(self, session_id: str) -> None:
        self._number += 1
        name = f"{self._random.choice(TOPICS)}-{self._number}"
        spec = ThreadSpec(name, workflow="count")
        self._coordinator.coordinate_threads(session_id, [spec]).get(
            timeout=OP_TIMEOUT_S
        )

    def _run(self, session_id: str) -> None:
        config = {"to": self._random.randint(1, STEPS_MAX)}
        self._coordinator.execute_workflow_in_session(
            session_id, self._any(session_id).thread_name, config
        ).get(timeout=OP_TIMEOUT_S)

    def _move(self, session_id: str) -> None:
        thread = self._any(session_id)
        self._coordinator.transfer_thread_between_sessions(
            thread.thread_id, session_id, self._random.choice(SESSIONS)
        ).get(timeout=OP_TIMEOUT_S)

    def _rename(self, session_id: str) -> None:
        self._number += 1
        self._coordinator.rename_thread(
            self._any(session_id).thread_id, f"renamed-{self._number}"
        ).get(timeout=OP_TIMEOUT_S)

    def _remove(self, session_id: str) -> None:
        if len(self._threads(session_id)) > 1:
            self._coordinator.remove_thread_from_session(
                session_id, self._any(session_id).thread_id
            ).get(timeout=OP_TIMEOUT_S)

    def _threads(self, session_id: str) -> list[Any]:
        found: list[Any] = self._coordinator.list_threads(session_id).get(
            timeout=OP_TIMEOUT_S
        )
        return found

    def _any(self, session_id: str) -> Any:
        if not self._threads(session_id):
            self._create(session_id)
        return self._random.choice(self._threads(session_id))


@contextmanager
def _counted(load: _Load, *, quiet: bool) -> Generator[None]:
    yield
    if not quiet:
        _say(
            f"weft: {load.done:,} things done, {load.refused:,} refused; all is gone\n"
        )


def _greeting(url: str, data: Path, local: socket.socket) -> str:
    found = local.getsockname() == str(default_socket())
    option = "" if found else f" --socket {local.getsockname()}"
    return (
        f"weft: a demonstration at {url} (stop: Ctrl-C). Try, in another terminal:\n\n"
        f"  curl {url}/readyz\n"
        f"  curl {url}/sessions/alice/threads\n"
        f"  curl -N {url}/events\n"
        f"  curl {url}/metrics\n"
        f"  weft top{option}\n"
        f"  weft tree{option}\n"
        f"  weft ops --follow{option}\n"
        f"  weft check --data {data}\n\n"
    )


def _say(words: str) -> None:
    sys.stderr.write(words)
    sys.stderr.flush()
