"""A runtime as the daemon runs it: in a process of its own."""

from pathlib import Path
from typing import Final

from weft.actors import Runtime
from weft.daemon.workflows import Registry

__all__ = ["open_runtime"]

SWITCH_INTERVAL_S: Final = 0.0005
"""How long an OS thread may keep the GIL from another. With Python's own 5 ms one
busy workflow cuts durable throughput to 2 %."""


def open_runtime(data: Path, workflows: Registry) -> Runtime:
    """Open a runtime on a data directory.

    Args:
        data: the directory; created if it is missing.
        workflows: what ``Runtime.open`` takes.

    Raises:
        SessionThreadException: it cannot be opened.
    """
    return Runtime.open(data, workflows=workflows, switch_interval_s=SWITCH_INTERVAL_S)
