"""How many of Pykka's stock actors a process can hold: they have an OS thread each.

Counted under a limit on address space, so that the machine stays usable; what the
kernel would allow at the most follows from the memory maps each of them takes.
"""

import resource
from pathlib import Path
from typing import Final

import msgspec
import pykka

__all__ = ["LimitMeasurement", "LimitSpec", "measure_limit"]

_WARM: Final = 50
"""The allocator maps an arena for each of the first OS threads, up to 8 a core."""


class LimitSpec(msgspec.Struct, frozen=True, tag=True):
    """Start stock actors until it fails."""

    actors: int
    address_space_bytes: int


class LimitMeasurement(msgspec.Struct, frozen=True):
    """Where stock actors end.

    Attributes:
        actors: how many there were.
        error: what the next one raised; None if there was no next one.
        address_bytes: address space of each.
        kernel_max: how many the kernel's limits on maps and ids allow.
    """

    actors: int
    error: str | None
    address_bytes: float
    kernel_max: int


class _Idle(pykka.ThreadingActor):
    use_daemon_thread = True


def measure_limit(spec: LimitSpec) -> LimitMeasurement:
    """Start actors up to a number, or until there can be no more.

    They die with the process: stopping thousands takes as long as starting them.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (spec.address_space_bytes, limit))
    actors, error = 0, None
    first_maps = first_bytes = 0
    try:
        while actors < spec.actors:
            if actors == _WARM:
                first_maps, first_bytes = _maps(), _address_bytes()
            _Idle.start()
            actors += 1
    except (RuntimeError, MemoryError) as failure:
        error = f"{type(failure).__name__}: {failure}"
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    counted = actors - _WARM
    return LimitMeasurement(
        actors,
        error,
        (_address_bytes() - first_bytes) / counted,
        _kernel_max((_maps() - first_maps) / counted),
    )


def _kernel_max(maps_each: float) -> int:
    maps = int(_kernel("vm/max_map_count") / maps_each)
    return min(maps, _kernel("kernel/pid_max"), _kernel("kernel/threads-max"))


def _kernel(name: str) -> int:
    return int(Path("/proc/sys", name).read_text(encoding="ascii"))


def _maps() -> int:
    return Path("/proc/self/maps").read_bytes().count(b"\n")


def _address_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmSize:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmSize")
