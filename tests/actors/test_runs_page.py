"""What the page on runs shows works when it is run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.readme import Block, fenced_blocks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "runs.md"
BLOCKS = fenced_blocks(PAGE.read_text(encoding="utf-8"), "python")
DEADLINE_S = 40


def test_the_page_shows_python() -> None:
    assert BLOCKS


@pytest.mark.parametrize(
    "block", [pytest.param(block, id=f"line {block.line}") for block in BLOCKS]
)
def test_a_python_block_of_the_page_runs(block: Block, tmp_path: Path) -> None:
    script = tmp_path / "block.py"
    script.write_text("\n" * (block.line - 1) + block.text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-X", "dev", str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert (0, "") == (done.returncode, done.stdout)
