"""LangGraph's own JavaScript client against a daemon, under Node.

The client is installed by npm from ``js/package-lock.json`` into a temporary directory,
once for a run of the tests. Without Node the test is skipped, and with ``CI=true`` in
the environment that is a failure.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

JS = Path(__file__).with_name("js")
NEEDED = ("node", "npm")
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
    """Install the client; return the directory with the script beside it."""
    require_node()
    directory = tmp_path_factory.mktemp("js")
    for name in ("package.json", "package-lock.json", "smoke.mjs"):
        shutil.copy(JS / name, directory)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    run("npm", "ci", *quiet, cwd=directory, timeout_s=INSTALL_S_MAX)
    return directory


@pytest.mark.timeout(INSTALL_S_MAX + SMOKE_S_MAX)
def test_the_javascript_client_drives_a_daemon(installed: Path, url: str) -> None:
    told = run("node", "smoke.mjs", url, cwd=installed, timeout_s=SMOKE_S_MAX)
    assert ["a thread is created with its first states", "a run is waited for"] == (
        told.splitlines()[3:5]
    )
