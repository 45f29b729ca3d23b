"""The process of one measurement: a spec on standard input, the figures on output.

Each engine has a process of its own, so that none runs in the heap, beside the OS
threads or in the page cache pressure another has left.
"""

import sys
from pathlib import Path
from typing import Final

import msgspec

from bench.callers import Window, drive
from bench.engine import Engine
from bench.messaging import MessagingSpec
from bench.messaging import measure as measure_messaging
from bench.spec import EngineName, Measurement, Spec
from bench.sqlite_group import SqliteGroup
from bench.sqlite_single import SqliteSingle
from bench.weft_runtime import WeftRuntime
from bench.weft_store import WeftStore
from bench.work import World

__all__ = ["measure"]

_WARM_UP_SHARE: Final = 0.2
"""Of the measured seconds: caches fill and the gathering finds its pace in tenths."""


_ENGINES: Final[dict[EngineName, type[Engine]]] = {
    "sqlite3": SqliteSingle,
    "sqlite-group": SqliteGroup,
    "weft-store": WeftStore,
    "weft": WeftRuntime,
}


def measure(spec: Spec) -> Measurement:
    """Make one measurement, and prove that the store holds all that was answered.

    Raises:
        AssertionError: an answered operation is not in the store.
    """
    kind, directory, world = _ENGINES[spec.engine], Path(spec.directory), World()
    engine = kind.create(directory, world)
    loops = [world.work(spec.case, n, spec.callers) for n in range(spec.callers)]
    warm = drive(engine, spec.kind, loops, spec.seconds * _WARM_UP_SHARE)
    before = engine.groups()
    window = drive(engine, spec.kind, loops, spec.seconds)
    after = engine.groups()
    engine.close()
    answered = len(warm.latencies_ns) + len(window.latencies_ns)
    found, expected = kind.count(directory), world.expected(spec.case, answered)
    if found != expected:
        raise AssertionError(f"{spec}: answered {expected}, stored {found}")
    return _measurement(window, (after[0] - before[0], after[1] - before[1]))


def _measurement(window: Window, groups: tuple[int, int]) -> Measurement:
    latencies_ns = sorted(window.latencies_ns)
    count = len(latencies_ns)
    return Measurement(
        operations=count,
        elapsed_s=window.elapsed_s,
        cpu_s=window.cpu_s,
        p50_us=latencies_ns[count // 2] / 1e3,
        p99_us=latencies_ns[count * 99 // 100] / 1e3,
        group=groups[1] / groups[0],
    )


def main() -> None:
    spec = msgspec.json.decode(sys.stdin.buffer.read(), type=Spec | MessagingSpec)
    answer = measure(spec) if isinstance(spec, Spec) else measure_messaging(spec)
    sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
