"""LangGraph's JavaScript clients, installed once for all the tests of a run.

They are what ``js/package-lock.json`` names: the newest one, and one that has streams
of threads. A Node of its own comes with them, for Debian's 18 is too old for the second
one. Without npm the tests are skipped, and with ``CI=true`` in the environment that is
a failure.
"""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["INSTALL_S_MAX", "JS", "put_beside_the_clients", "run"]

INSTALL_S_MAX = 120.0

JS = Path(__file__).with_name("js")
NEEDED = ("node", "npm")
QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")


def put_beside_the_clients(place: Path, directory: Path, *scripts: Path) -> None:
    """Copy scripts to where they can import the clients.

    Args:
        place: where the clients are installed, shared by all workers.
        directory: empty; the scripts'.
        scripts: to be copied.
    """
    require_node()
    (directory / "node_modules").symlink_to(_installed(place))
    for script in scripts:
        shutil.copy(script, directory)


def require_node() -> None:
    """Skip the test where there is no Node to run it, or fail it."""
    missing = " and ".join(each for each in NEEDED if shutil.which(each) is None)
    if not missing:
        return
    words = f"{missing} not found: apt-get install nodejs npm"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


def _installed(place: Path) -> Path:
    """Return the folder of the modules; whoever comes first installs them, in 6 s."""
    directory, done = place / "javascript", place / "javascript.installed"
    with (place / "javascript.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            directory.mkdir(exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(JS / name, directory)
            run("npm", "ci", *QUIET, cwd=directory, timeout_s=INSTALL_S_MAX)
            done.touch()
    return directory / "node_modules"


def run(*command: str, cwd: Path, timeout_s: float) -> str:
    """Return what a command wrote; what it complained of is the failure's words."""
    done = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert 0 == done.returncode, done.stderr + done.stdout
    return done.stdout
