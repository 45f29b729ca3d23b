"""Shards on Ray with PostgreSQL beside the embedded store: operations per second.

``python -m bench.cluster [--shards 1,2,3] [--seconds 3] [--rounds 3]`` (needs
``weft[cluster]`` and PostgreSQL).

One client keeps 512 operations in flight, by message; sessions lie on all shards alike.
*inside* is a transfer between two sessions of one shard, *across* one between shards,
which a single shard cannot have. CPU is of all processes that take part: the client,
the shards, the server of the database. Each measurement has a Ray, a database and a
process of its own; rounds alternate, the figure is the median. On a machine with fewer
cores than shards, more shards show what they cost and not what they give.
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.peers.postgres_server import PostgresServer
from weft.actors import Runtime

IN_FLIGHT: Final = 512
SESSIONS: Final = 24
WORK: Final = ("create", "inside", "across")
DEADLINE_S: Final = 60.0
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")

Groups = list[list[str]]
"""Ids of sessions by shard."""


class Figures(msgspec.Struct):
    """What one measurement came to.

    Attributes:
        per_s: durable operations a second.
        cpu_us: of an operation, all processes together.
    """

    per_s: float
    cpu_us: float


class Cpu:
    """The processor time of some processes, with the children they have waited for."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self._pids = pids

    def seconds(self) -> float:
        """Return it."""
        return sum(map(_cpu_s, self._pids()))


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS_PER_S


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, listed)]


def measure_embedded(seconds: float, folder: Path) -> dict[str, Figures]:
    """Measure the store on LMDB, in this process."""
    groups = [[f"s{n}" for n in range(SESSIONS)]]
    with Runtime.open(folder / "embedded") as runtime:
        cpu = Cpu(lambda: [os.getpid()])
        return _measure(runtime.coordinator, groups, cpu, seconds)


def measure_cluster(
    dsn: str, server_pid: int, shards: int, seconds: float
) -> dict[str, Figures]:
    """Measure a cluster of so many shards, on a Ray of its own."""
    import ray

    from weft.cluster.line import Line
    from weft.cluster.ray_cluster import connect, start
    from weft.cluster.ray_post import NAMESPACE
    from weft.cluster.ray_shard import ShardSettings
    from weft.cluster.schema import install

    line = Line(dsn)
    install(line, shards)
    line.close()
    ray.init(
        address="local",
        num_cpus=shards + 1,
        namespace=NAMESPACE,
        include_dashboard=False,
        object_store_memory=80 << 20,
        log_to_driver=False,
    )
    try:
        reports = start(ShardSettings(dsn, -1))
        processes = [os.getpid(), *(report.pid for report in reports)]
        cpu = Cpu(lambda: [*processes, *_children(server_pid)])
        runtime = connect("auto")
        try:
            groups = _groups(shards)
            return _measure(runtime.coordinator, groups, cpu, seconds)
        finally:
            runtime.close()
    finally:
        ray.shutdown()


def _groups(shards: int) -> Groups:
    """Return ids of sessions for each shard of a new database."""
    from weft.cluster.slots import slot_of

    groups: Groups = [[] for _ in range(shards)]
    for number in itertools.count():
        group = groups[slot_of(f"s{number}") % shards]
        if len(group) < SESSIONS // shards:
            group.append(f"s{number}")
        if all(len(each) == SESSIONS // shards for each in groups):
            return groups
    raise AssertionError


def _measure(
    coordinator: Any, groups: Groups, cpu: Cpu, seconds: float
) -> dict[str, Figures]:
    for session_id in itertools.chain(*groups):
        coordinator.create_session(session_id).get(timeout=DEADLINE_S)
    owners: dict[str, str] = {}
    turns = itertools.cycle(itertools.chain(*zip(*groups, strict=True)))
    numbers = itertools.count()

    def create() -> Any:
        owner, thread_id = next(turns), f"t{next(numbers)}"
        owners[thread_id] = owner
        return coordinator.create_thread_with_session(
            owner, {}, thread_id, thread_id=thread_id
        )

    found = {"create": _closed_loop(create, cpu, seconds)}
    for work in ("inside", "across") if len(groups) > 1 else ("inside",):
        partners = _partners(groups, across=work == "across")
        move = _mover(coordinator, owners, partners)
        found[work] = _closed_loop(move, cpu, seconds)
    return found


def _partners(groups: Groups, *, across: bool) -> dict[str, str]:
    """Return to which session a thread goes from each."""
    partners: dict[str, str] = {}
    for number, group in enumerate(groups):
        others = groups[(number + 1) % len(groups)] if across else group[1:] + group[:1]
        partners.update(zip(group, others, strict=True))
    return partners


def _mover(
    coordinator: Any, owners: dict[str, str], partners: dict[str, str]
) -> Callable[[], Any]:
    """Return what moves one thread after the other, again and again."""
    turns = itertools.cycle(list(owners))

    def move() -> Any:
        thread_id = next(turns)
        owner = owners[thread_id]
        owners[thread_id] = partners[owner]
        return coordinator.transfer_thread_between_sessions(
            thread_id, owner, partners[owner]
        )

    return move


def _closed_loop(ask: Callable[[], Any], cpu: Cpu, seconds: float) -> Figures:
    before_s, began_s, done = cpu.seconds(), time.monotonic(), 0
    while time.monotonic() - began_s < seconds:
        for future in [ask() for _ in range(IN_FLIGHT)]:
            future.get(timeout=DEADLINE_S)
        done += IN_FLIGHT
    wall_s = time.monotonic() - began_s
    cpu_s = cpu.seconds() - before_s
    return Figures(done / wall_s, 1e6 * cpu_s / done)


def _in_a_process(*arguments: object) -> dict[str, Figures]:
    command = [sys.executable, "-W", "ignore", "-m", "bench.cluster", "--child"]
    done = subprocess.run(
        [*command, *map(str, arguments)], check=True, stdout=subprocess.PIPE
    )
    last = done.stdout.strip().splitlines()[-1]
    return msgspec.json.decode(last, type=dict[str, Figures])


def _child(arguments: list[str]) -> None:
    warnings.simplefilter("ignore")  # Ray's own
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    seconds = float(arguments[0])
    if len(arguments) == 2:
        found = measure_embedded(seconds, Path(arguments[1]))
    else:
        dsn, pid, shards = arguments[1:]
        found = measure_cluster(dsn, int(pid), int(shards), seconds)
    print(msgspec.json.encode(found).decode())


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        _child(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shards", default="1,2,3", help="default %(default)s")
    parser.add_argument("--seconds", type=float, default=3.0, help="default 3")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    options = parser.parse_args()
    counts = [int(each) for each in options.shards.split(",")]
    found: dict[str, list[dict[str, Figures]]] = {}
    for number in range(options.rounds):
        for shards in (0, *counts):
            name = f"{shards} shards" if shards else "embedded, LMDB"
            found.setdefault(name, []).append(
                _one(shards, options.seconds, f"round{number}")
            )
    _show(found)


def _one(shards: int, seconds: float, database: str) -> dict[str, Figures]:
    with tempfile.TemporaryDirectory(prefix="weft-bench-", dir=".") as folder:
        place = Path(folder).resolve()
        if not shards:
            return _in_a_process(seconds, place)
        with PostgresServer(place) as server:
            server.connect().execute(f"CREATE DATABASE {database}")
            return _in_a_process(seconds, server.dsn(database), server.pid, shards)


def _show(found: dict[str, list[dict[str, Figures]]]) -> None:
    print(f"{'':16}" + "".join(f"{work:>24}" for work in WORK))
    for name, rounds in found.items():
        cells = []
        for work in WORK:
            figures = [each[work] for each in rounds if work in each]
            if not figures:
                cells.append("-")
                continue
            per_s = statistics.median(each.per_s for each in figures)
            cpu_us = statistics.median(each.cpu_us for each in figures)
            cells.append(f"{per_s:,.0f}/s {cpu_us:.0f} us")
        print(f"{name:16}" + "".join(f"{cell:>24}" for cell in cells))


if __name__ == "__main__":
    main()
