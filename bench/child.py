"""The process of one measurement: a spec on standard input, the figures on output.

Each engine has a process of its own, so that none runs in the heap, beside the OS
threads or in the page cache pressure another has left.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Union

import msgspec

from bench.callers import Window, drive
from bench.engine import Engine
from bench.lmdb_group import LmdbGroup
from bench.messaging import MessagingSpec
from bench.messaging import measure as measure_messaging
from bench.peers.registry import load
from bench.residents import PrepareSpec, ResidentsSpec, prepare
from bench.residents import measure as measure_residents
from bench.spec import EngineName, Measurement, Spec
from bench.specials import SPECIAL_MEASURES
from bench.sqlite_group import SqliteGroup
from bench.sqlite_single import SqliteSingle
from bench.stock_limit import LimitSpec, measure_limit
from bench.suspended import Suspended
from bench.weft_plain import WeftPlain
from bench.weft_runtime import WeftOneCore, WeftRuntime
from bench.weft_store import WeftStore
from bench.work import World

__all__ = ["measure"]

_WARM_UP_SHARE: Final = 0.2
"""Of the measured seconds: caches fill and the gathering finds its pace in tenths."""


_ENGINES: Final[dict[EngineName, type[Engine]]] = {
    "lmdb-group": LmdbGroup,
    "weft-plain": WeftPlain,
    "sqlite3": SqliteSingle,
    "sqlite-group": SqliteGroup,
    "weft-store": WeftStore,
    "weft": WeftRuntime,
    "weft-one-core": WeftOneCore,
    "suspended": Suspended,
}


def measure(spec: Spec) -> Measurement:
    """Make one measurement, and prove that the store holds all that was answered.

    Raises:
        AssertionError: an answered operation is not in the store.
    """
    kind, directory, world = (
        _ENGINES.get(spec.engine) or load(spec.engine),
        Path(spec.directory),
        World(spec.case),
    )
    engine = kind.create(directory, world)
    loops = [world.work(n, spec.callers) for n in range(spec.callers)]
    warm = drive(engine, spec.kind, loops, spec.seconds * _WARM_UP_SHARE)
    before = engine.groups()
    window = drive(engine, spec.kind, loops, spec.seconds)
    after = engine.groups()
    engine.close()
    answered = len(warm.latencies_ns) + len(window.latencies_ns)
    found, expected = kind.count(directory), world.expected(answered)
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
        quantiles_us=tuple(
            latencies_ns[min(count - 1, count * n // 100)] / 1e3 for n in range(101)
        ),
    )


def main() -> None:
    kinds: Any = Union[tuple(_MEASURES)]  # noqa: UP007 - of a tuple
    spec = msgspec.json.decode(sys.stdin.buffer.read(), type=kinds)
    answer = msgspec.json.encode(_MEASURES[type(spec)](spec))
    sys.stdout.buffer.write(answer)
    sys.stdout.flush()
    # Letting go of a million actors one by one takes longer than making them.
    os._exit(0)


_MEASURES: Final[dict[type, Callable[[Any], Any]]] = {
    Spec: measure,
    MessagingSpec: measure_messaging,
    PrepareSpec: prepare,
    ResidentsSpec: measure_residents,
    LimitSpec: measure_limit,
    **SPECIAL_MEASURES,
}


if __name__ == "__main__":
    main()
