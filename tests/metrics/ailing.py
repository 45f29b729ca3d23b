"""``weft serve`` with faults that can be switched on and off, a line on stdin for each.

``python ailing.py ARGUMENT...``: the arguments are those of ``weft``. The lines:

========== ===========================================================================
slow S     every commit takes S seconds longer, as on a sick disk
full       no file may grow or be written beyond its first page, as on a full disk
roomy      it may again
block S    one turn of an actor takes S seconds, with a message waiting behind it
hold       a reader opens a transaction, and stays
release    it goes
plant NAME the store is damaged: tests/storage/planters has the names
sicken ID  the actor of this session fails at every command; "heal" ends that
crash      the dispatcher's own loop breaks, once
ballast N  a file beside the store takes N MB of its disk; 0 removes it
========== ===========================================================================

Each line is repeated on stdout once it is so.
"""

import os
import resource
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests.actors.crashing import fast_policy
from tests.storage.planting import plant
from weft.actors import Actor, Runtime, restarts
from weft.actors.messages import Command
from weft.actors.session import SessionActor
from weft.daemon import serve
from weft.daemon.main import main
from weft.daemon.opening import open_runtime
from weft.storage import LmdbStore
from weft.storage.lmdb import _Change

never = Event()
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
QUARANTINE_S = 6.0
"""Long enough for two scrapes and the alert, short enough to see its end."""


class Sleeper(Actor):
    """Keeps everybody waiting."""

    def on_receive(self, message: Any) -> None:
        never.wait(message)


class Faults:
    """The faults of one daemon.

    Args:
        runtime: what ails.
        data: its data directory.
    """

    def __init__(self, runtime: Runtime, data: Path) -> None:
        self.runtime = runtime
        self.data = data
        self.handlers = dict(SessionActor.handlers)
        self.delay_s = 0.0
        self.let_go = Event()

    def obey(self) -> None:
        """Do what stdin says, line by line."""
        for line in sys.stdin:
            name, *values = line.split()
            command: Callable[..., None] = getattr(self, name)
            command(*values)
            sys.stdout.write(line)
            sys.stdout.flush()

    def slow(self, delay_s: str) -> None:
        self.delay_s = float(delay_s)

    def full(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def roomy(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, UNLIMITED)

    def block(self, duration_s: str) -> None:
        sleeper = Sleeper.start()
        for message in (float(duration_s), 0.0):
            sleeper.tell(message)
        sleeper.stop(block=False)

    def hold(self) -> None:
        Thread(target=self._hold, daemon=True).start()

    def _hold(self) -> None:
        with self.runtime.store.read():
            self.let_go.wait()

    def release(self) -> None:
        self.let_go.set()

    def plant(self, name: str) -> None:
        store = self.runtime.store
        assert isinstance(store, LmdbStore)
        plant(store, [name])

    def sicken(self, session_id: str) -> None:
        healthy: Any = self.handlers[Command]

        def fail(actor: Any, command: Command) -> Any:
            if actor.session_id == session_id:
                raise RuntimeError("a defect")
            return healthy(actor, command)

        SessionActor.handlers = self.handlers | {Command: fail}

    def heal(self) -> None:
        SessionActor.handlers = self.handlers

    def crash(self) -> None:
        dispatcher: Any = self.runtime._dispatcher

        def trace(_cell: Any, _message: Any) -> None:
            dispatcher.trace = None
            raise ZeroDivisionError("a defect")

        dispatcher.trace = trace

    def ballast(self, size_mb: str) -> None:
        with (self.data / "ballast").open("ab") as file:
            file.truncate()
            os.posix_fallocate(file.fileno(), 0, int(size_mb) << 20 or 1)
            file.truncate(int(size_mb) << 20)


@contextmanager
def ailing(data: Path, *arguments: Any, **options: Any) -> Generator[Runtime]:
    """Open the runtime, and have it ail as stdin says."""
    vars(restarts)["SESSIONS"] = fast_policy(quarantine_s=QUARANTINE_S)
    healthy_exit = _Change.__exit__
    with open_runtime(data, *arguments, **options) as runtime:
        faults = Faults(runtime, data)

        def exit_late(change: _Change, *failure: Any) -> None:
            if faults.delay_s:
                never.wait(faults.delay_s)
            healthy_exit(change, *failure)

        _Change.__exit__ = exit_late  # type: ignore[method-assign]
        Thread(target=faults.obey, daemon=True).start()
        yield runtime


if __name__ == "__main__":
    vars(serve)["open_runtime"] = ailing
    main()
