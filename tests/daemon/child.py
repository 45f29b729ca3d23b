"""The real ``weft`` command as a child process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.house.project import rooms

REPOSITORY = Path(__file__).parents[2]
DEADLINE_S = 30


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which a child finds weft and the tests.

    A daemon makes no Unix socket there unless it is told to, so that those of tests
    side by side do not take the one place from each other.
    """
    roots = [str(REPOSITORY / room) for room in rooms(REPOSITORY)]
    path = os.pathsep.join([*roots, str(REPOSITORY)])
    own = {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "WEFT_HTTP__SOCKET": ""}
    return os.environ | own | more


def run_weft(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "weft.daemon", *map(str, arguments)],
        env=options.pop("env", None) or environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
        **options,
    )


@contextmanager
def weft(*arguments: object, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start the command; it is killed at the end of the block if it still runs."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    program = options.pop("program", (sys.executable, "-m", "weft.daemon"))
    child = subprocess.Popen(
        [*program, *map(str, arguments)],
        env=options.pop("env", None) or environment(),
        text=True,
        **(pipes | options),
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def first_line(child: subprocess.Popen[str]) -> str:
    """Return the first line that a child says on stderr."""
    assert child.stderr is not None
    line = child.stderr.readline()
    assert line, f"the child ended without a word: {child.wait(DEADLINE_S)}"
    return line
