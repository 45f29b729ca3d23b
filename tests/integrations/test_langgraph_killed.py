"""kill -9 in the middle of a node: the graph goes on where it was."""

import os
import signal
import subprocess
import sys
from pathlib import Path


def child(place: Path, part: str, repository: Path) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(repository), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integrations.killed_graph", str(place), part],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        cwd=repository,
    )


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_a_graph_killed_in_node_three_of_five_records_each_effect_once(
    tmp_path: Path, repository: Path
) -> None:
    with child(tmp_path, "first", repository) as first:
        assert first.stdout is not None
        assert "here\n" == first.stdout.readline()
        first.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == first.wait(timeout=30)
    assert ["1", "2", "3"] == lines(tmp_path / "begun")

    with child(tmp_path, "second", repository) as second:
        told, _ = second.communicate(timeout=45)
    assert 0 == second.returncode
    effects = [f"effect of node {n}" for n in range(1, 6)]
    assert effects == lines(tmp_path / "effects")
    assert ["1", "2", "3", "3", "4", "5"] == lines(tmp_path / "begun")
    log, *rest = told.splitlines()
    assert effects == log.split("|")
    assert ["success 1", "success 2", "check 0"] == sorted(rest[:-1]) + rest[-1:]
