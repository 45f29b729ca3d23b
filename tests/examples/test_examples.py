"""Each example runs as it stands, and prints what it says it prints."""

import ast
import inspect
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.daemon.child import REPOSITORY, environment
from tests.docs.story import is_shown

EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))
NEEDED = {"fastapi_app": "fastapi", "graph_server": "langgraph"}
DEADLINE_S = 40


def promised(example: Path) -> str:
    """Return what the docstring shows behind the command that runs the example."""
    words = _docstring(example)
    command = f"$ python examples/{example.name}\n"
    assert command in words, f"{example.name} does not say how it is run"
    shown = words.partition(command)[2]
    return inspect.cleandoc(shown.partition("\n\n")[0])


def _docstring(example: Path) -> str:
    found = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8")))
    assert found, f"{example.name} does not say what it shows"
    return found


@pytest.mark.timeout(DEADLINE_S + 10)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_prints_what_it_promises(example: Path, tmp_path: Path) -> None:
    needed = NEEDED.get(example.stem)
    if needed is not None and find_spec(needed) is None:
        pytest.skip(f"{needed} missing: pip install 'weft[test]'")
    done = subprocess.run(
        [sys.executable, "-W", "default::ResourceWarning", str(example)],
        cwd=tmp_path,
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert 0 == done.returncode, done.stdout
    assert is_shown(promised(example), done.stdout), done.stdout
    assert [] == list(tmp_path.iterdir()), "it leaves something behind"


def test_the_readme_names_every_example() -> None:
    folder = REPOSITORY / "examples"
    readme = (folder / "README.md").read_text(encoding="utf-8")
    shown = [
        path.name for path in folder.iterdir() if path.suffix in {".py", ".mjs", ".sh"}
    ]
    assert 11 <= len(shown)
    assert [] == [name for name in shown if f"]({name})" not in readme]
