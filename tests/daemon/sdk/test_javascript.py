"""LangGraph's own JavaScript clients against a daemon, under Node."""

from pathlib import Path

import pytest

from tests.daemon.sdk.javascript import INSTALL_S_MAX, JS, put_beside_the_clients, run

SCRIPTS = ("smoke.mjs", "threads.mjs")
SMOKE_S_MAX = 30.0


@pytest.fixture(scope="module")
def installed(shared_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the scripts, beside the clients."""
    directory = tmp_path_factory.mktemp("js")
    scripts = (JS / name for name in SCRIPTS)
    put_beside_the_clients(shared_directory, directory, *scripts)
    return directory


def node(directory: Path) -> str:
    """Return the Node that came with the clients, else the machine's own."""
    brought = sorted((directory / "node_modules").glob("node-linux-*/bin/node"))
    return str(brought[0]) if brought else "node"


@pytest.mark.timeout(INSTALL_S_MAX + SMOKE_S_MAX)
def test_the_javascript_client_drives_a_daemon(installed: Path, url: str) -> None:
    told = run(node(installed), "smoke.mjs", url, cwd=installed, timeout_s=SMOKE_S_MAX)
    assert {
        "an assistant of one's own has versions",
        "a thread is created with its first states",
        "a run is waited for",
    } <= set(told.splitlines())


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
