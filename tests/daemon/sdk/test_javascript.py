"""LangGraph's own JavaScript clients against a daemon, under Node.

They are installed by npm from ``js/package-lock.json`` into a temporary directory, once
for a run of the tests: the newest one, and one that has streams of threads. A Node of
its own comes with them, for Debian's 18 is too old for the second one. Without npm the
tests are skipped, and with ``CI=true`` in the environment that is a failure.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

JS = Path(__file__).with_name("js")
NEEDED = ("node", "npm")
SCRIPTS = ("smoke.mjs", "threads.mjs")
INSTALL_S_MAX = 120.0
SMOKE_S_MAX = 30.0


def require_node() -> None:
    missing = " and ".join(each for each in NEEDED if shutil.which(each) is None)
    if not missing:
        return
    words = f"{missing} not found: apt-get install nodejs npm"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


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


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the clients; return the directory with the scripts beside them."""
    require_node()
    directory = tmp_path_factory.mktemp("js")
    for name in ("package.json", "package-lock.json", *SCRIPTS):
        shutil.copy(JS / name, directory)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    run("npm", "ci", *quiet, cwd=directory, timeout_s=INSTALL_S_MAX)
    return directory


def node(directory: Path) -> str:
    """Return the Node that came with the clients, else the machine's own."""
    brought = sorted((directory / "node_modules").glob("node-linux-*/bin/node"))
    return str(brought[0]) if brought else "node"


@pytest.mark.timeout(INSTALL_S_MAX + SMOKE_S_MAX)
def test_the_javascript_client_drives_a_daemon(installed: Path, url: str) -> None:
    told = run(node(installed), "smoke.mjs", url, cwd=installed, timeout_s=SMOKE_S_MAX)
    assert ["a thread is created with its first states", "a run is waited for"] == (
        told.splitlines()[3:5]
    )


@pytest.mark.timeout(INSTALL_S_MAX + SMOKE_S_MAX)
def test_threads_are_streamed_in_the_protocols_third_version(
    installed: Path, url: str
) -> None:
    said = run(
        node(installed), "threads.mjs", url, cwd=installed, timeout_s=SMOKE_S_MAX
    )
    told = said.splitlines()
    assert 10 == len(told)
    assert "an interrupt is answered over websocket" in told
    assert "a page that is opened again finds the conversation" == told[-1]
