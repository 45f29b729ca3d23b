"""Prometheus's own tools, where they are installed."""

import shutil
import subprocess
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Return the path of a program; skip the test where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing; it is in Debian's package prometheus")
    return found


def promtool(*arguments: str, cwd: Path | None = None, page: str | None = None) -> str:
    """Run promtool; return what it says.

    Args:
        arguments: of the command line.
        cwd: where.
        page: its standard input.
    """
    done = subprocess.run(
        [program("promtool"), *arguments],
        cwd=cwd,
        input=page,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout + done.stderr
