"""``weft serve`` with faults that can be switched on and off, a line on stdin for each.

``python ailing.py ARGUMENT...``: the arguments are those of ``weft``. The lines:

========== ===========================================================================
slow S     every commit takes S seconds longer, as on a sick disk
full       no file may grow or be written beyond its first page, as on a full disk
roomy      it may again
block S    one turn of an actor takes S seconds, with a message waiting behind it
hold       a reader opens a transaction, and stays
release    it goes
plant NAME the store is damaged: tests/storage/planting.py has the names
========== ===========================================================================

Each line is repeated on stdout once it is so.
"""

import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from tests.storage.planting import plant
from weft.actors import Actor, Runtime
from weft.daemon import serve
from weft.daemon.main import main
from weft.daemon.opening import open_runtime
from weft.storage import LmdbStore
from weft.storage.lmdb import _Change

never = Event()
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class Sleeper(Actor):
    """Keeps everybody waiting."""

    def on_receive(self, message: Any) -> None:
        never.wait(message)


class Faults:
    """The faults of one daemon.

    Args:
        runtime: what ails.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
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


@contextmanager
def ailing(*arguments: Any) -> Iterator[Runtime]:
    """Open the runtime, and have it ail as stdin says."""
    healthy_exit = _Change.__exit__
    with open_runtime(*arguments) as runtime:
        faults = Faults(runtime)

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
