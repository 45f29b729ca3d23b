"""Where a durable operation's processor time goes inside the store, stage by stage.

``python -m bench.stages`` applies groups as the writer would and times each stage on
its OS thread: CPU time, so that a busy machine or disk moves it little. What callers,
actors and the hand-over between OS threads cost is the difference between the engines
of ``python -m bench --only weft-plain,weft-store,weft``.

Not here: waiting. A flush takes as long as the disk does, and no processor.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.spec import Case
from bench.weft_store import create_store, operation_of
from bench.work import World
from weft.storage import store as store_module
from weft.storage.group import Group
from weft.storage.lmdb import _Change
from weft.storage.operation_log import OperationLog

__all__ = ["STAGES", "measure_stages"]

STAGES: Final = {
    "operation": "ids, time, the config encoded: the caller's part",
    "repeated?": "its `op_id` looked up in the log",
    "rules": "records read, decided, new ones made",
    "draft": "taken over into the group",
    "log": "the answer encoded, the entry made",
    "put": "records and log encoded, sorted and put",
    "commit": "LMDB's pages written; the kernel's part included",
    "rest": "the loop over the group, statistics",
}
"""In the order in which an operation goes through them."""

_CASES: Final[tuple[Case, ...]] = ("create", "transfer", "append")


class _Clock:
    """CPU time of this OS thread, by stage."""

    def __init__(self) -> None:
        self.taken_ns = dict.fromkeys(STAGES, 0)

    @contextmanager
    def watching(self) -> Generator[None]:
        """Time the store's own functions while it lasts."""
        places: list[tuple[Any, str, str]] = [
            (OperationLog, "first_answer", "repeated?"),
            (store_module, "decide", "rules"),
            (Group, "absorb", "draft"),
            (OperationLog, "enter", "log"),
            (Group, "flush", "put"),
            (OperationLog, "flush", "put"),
            (_Change, "__exit__", "commit"),
        ]
        originals = [getattr(place, name) for place, name, _ in places]
        for (place, name, stage), function in zip(places, originals, strict=True):
            setattr(place, name, self._timed(function, stage))
        try:
            yield
        finally:
            for (place, name, _), function in zip(places, originals, strict=True):
                setattr(place, name, function)

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        """Time what is done inside."""
        began_ns = time.thread_time_ns()
        yield
        self.taken_ns[name] += time.thread_time_ns() - began_ns

    def _timed(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        taken_ns, clock = self.taken_ns, time.thread_time_ns

        def timed(*args: Any, **kwargs: Any) -> Any:
            began_ns = clock()
            try:
                return function(*args, **kwargs)
            finally:
                taken_ns[stage] += clock() - began_ns

        return timed


def measure_stages(
    case: Case, directory: Path, *, group: int = 256, groups: int = 100
) -> dict[str, float]:
    """Return the CPU microseconds of an operation, by stage.

    Args:
        case: what the operations do.
        directory: an empty folder for the data.
        group: operations that share a flush.
        groups: how many are measured; as many again go before.
    """
    world = World(case)
    loops = [world.work(caller, group) for caller in range(group)]
    store, clock = create_store(directory, world), _Clock()
    for number in range(2 * groups):
        if number == groups:
            clock = _Clock()
        with clock.stage("operation"):
            operations = [operation_of(next(works)) for works in loops]
        with clock.watching(), clock.stage("rest"):
            store.apply(operations)
    store.close()
    taken_ns = clock.taken_ns
    taken_ns["rest"] -= (
        sum(taken_ns.values()) - taken_ns["rest"] - taken_ns["operation"]
    )
    return {stage: taken / 1e3 / group / groups for stage, taken in taken_ns.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m bench.stages", description=__doc__)
    parser.add_argument("--group", type=int, default=256, help="default 256")
    parser.add_argument("--groups", type=int, default=100, help="default 100")
    parser.add_argument("--dir", default=".", help="on the disk to use; default .")
    options = parser.parse_args()
    found = {}
    for case in _CASES:
        with tempfile.TemporaryDirectory(dir=options.dir) as folder:
            found[case] = measure_stages(
                case, Path(folder), group=options.group, groups=options.groups
            )
    print(f"CPU us of an operation, groups of {options.group}")
    print(f"{'':10}" + "".join(f"{case:>10}" for case in found))
    for stage in STAGES:
        figures = "".join(f"{taken[stage]:10.1f}" for taken in found.values())
        print(f"{stage:10}{figures}  {STAGES[stage]}")
    print(f"{'':10}" + "".join(f"{sum(t.values()):10.1f}" for t in found.values()))


if __name__ == "__main__":
    main()
