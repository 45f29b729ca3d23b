"""``examples/whole-life.sh``: what a reader would type, typed."""

import os
import subprocess
import sys
from pathlib import Path

from tests.daemon.child import REPOSITORY, environment

DEADLINE_S = 50


def commands(directory: Path) -> Path:
    """Return a directory with ``weft`` and ``python`` of this interpreter."""
    directory.mkdir()
    for name, arguments in {"weft": " -m weft.daemon", "python": ""}.items():
        script = directory / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        script.chmod(0o755)
    return directory


def test_the_example_lives_a_whole_life_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    path = f"{commands(tmp_path / 'bin')}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", REPOSITORY / "examples" / "whole-life.sh"],
        env=environment(PATH=path, TMPDIR=str(tmp_path / "tmp")),
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert 0 == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.endswith("== done\n")
    assert '{"counted":5}' == _line_after(done.stdout, '{"counted":3}')
    assert "result          1 inconsistencies" in done.stdout
    assert [] == list((tmp_path / "tmp").iterdir())


def _line_after(text: str, line: str) -> str:
    lines = text.splitlines()
    return lines[lines.index(line) + 1]
