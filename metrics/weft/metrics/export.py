"""What ships beside the code: rules, their tests, a dashboard, a scrape configuration.

They are files of this package, so they are of the version that runs.

Guarantees: a file that is there already is left alone unless it is to be replaced.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final

__all__ = ["SHIPPED", "export"]

SHIPPED: Final = (
    "weft.rules.yml",
    "weft.rules.test.yml",
    "weft.dashboard.json",
    "prometheus.yml",
)
"""The names of the files: rules and alerts, their unit tests for promtool, a dashboard
for Grafana, a configuration for Prometheus."""


def export(directory: Path, *, replace: bool = False) -> list[Path]:
    """Write the shipped files into a directory.

    Args:
        directory: created if it is missing.
        replace: whether files of these names are written over.

    Returns:
        what was written.

    Raises:
        FileExistsError: one is there already; nothing was written.
        OSError: it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    targets = [directory / name for name in SHIPPED]
    taken = [target for target in targets if target.exists()]
    if taken and not replace:
        raise FileExistsError(f"{taken[0]} is there already.")
    for target in targets:
        target.write_bytes(read_shipped(target.name))
    return targets


def read_shipped(name: str) -> bytes:
    """Return the content of a shipped file."""
    return (files("weft.metrics") / "shipped" / name).read_bytes()
