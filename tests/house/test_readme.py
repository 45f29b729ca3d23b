"""What the README shows works when it is typed.

Every Python block runs as a script of its own in an empty directory. The console
blocks are one story in one directory, top to bottom, and begin where the main-job
command has left the reader. The two set-up commands themselves are run by `.ci/run`:
they need a network.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.house.project import rooms
from tests.house.readme import SET_UP, Block, commands, fenced_blocks, set_up_commands

README = Path(__file__).resolve().parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8") if README.is_file() else ""
DEADLINE_S = 60
STOP_DEADLINE_S = 30


@pytest.fixture
def reader(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory to type in: `weft` is on the path and `examples` is there."""
    shim = tmp_path / "bin" / "weft"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m weft.daemon "$@"\n')
    shim.chmod(0o755)
    roots = [str(repository / room) for room in rooms(repository)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(roots))
    # A server's first line tells that it is up, so it must not wait in a buffer.
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    monkeypatch.setenv("PATH", str(shim.parent), prepend=os.pathsep)
    directory = tmp_path / "reader"
    directory.mkdir()
    (directory / "examples").symlink_to(repository / "examples")
    return directory


def check_run(command: list[str], directory: Path) -> None:
    """Run a command to its end and assert that it succeeds."""
    done = subprocess.run(
        command,
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}"


@contextmanager
def served(command: str, directory: Path) -> Iterator[None]:
    """Run a server until the block ends; its first line of output says it is up."""
    server = subprocess.Popen(
        ["bash", "-c", f"exec {command.removesuffix('&')}"],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline(), f"{command} ended without a word"
            yield
            server.terminate()
            output, _ = server.communicate(timeout=STOP_DEADLINE_S)
        finally:
            server.kill()
    # uvicorn ends itself with the signal it was asked to stop by, when it has stopped
    assert server.returncode in {0, -signal.SIGTERM}, f"{command}\n{output}"


def type_in(block: Block, directory: Path) -> None:
    """Type the commands of a console block; its servers stop where the block ends."""
    with ExitStack() as servers:
        for command in commands(block):
            if command.startswith("weft serve"):
                servers.enter_context(served(command, directory))
            elif not command.startswith(SET_UP):
                check_run(["bash", "-o", "pipefail", "-c", command], directory)


def test_the_readme_is_there_and_shows_python() -> None:
    assert README.is_file(), "README.md is missing: write it"
    assert fenced_blocks(TEXT, "python"), "README.md has no ```python block: show one"


def test_the_readme_has_the_two_set_up_commands() -> None:
    assert README.is_file(), "README.md is missing: write it"
    main_job, tests = set_up_commands(TEXT)
    assert ("weft replay" in main_job, "'.[test]'" in tests) == (True, True)


@pytest.mark.timeout(DEADLINE_S + 10)
@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=f"line {block.line}")
        for block in fenced_blocks(TEXT, "python")
    ],
)
def test_a_python_block_of_the_readme_runs(block: Block, reader: Path) -> None:
    script = reader / "readme_block.py"
    # As many empty lines as stand above it: a traceback names the README's lines.
    script.write_text("\n" * (block.line - 1) + block.text, encoding="utf-8")
    check_run([sys.executable, str(script)], reader)


@pytest.mark.timeout(5 * DEADLINE_S)
def test_every_console_command_of_the_readme_works(reader: Path) -> None:
    assert README.is_file(), "README.md is missing: write it"
    main_job, _ = set_up_commands(TEXT)
    typed_last = main_job.rpartition("&&")[2].strip().removeprefix(".venv/bin/")
    check_run(["bash", "-c", typed_last], reader)
    for block in fenced_blocks(TEXT, "console"):
        type_in(block, reader)


SAMPLE = """\
# Sample

```console
$ python3 -m venv .venv && weft replay logs
12 threads
```

```sh
# the tests
python3 -m venv .venv && \\
  python -m pytest
```

```python
print("x")
```
"""


def test_blocks_know_their_language_line_and_commands() -> None:
    console, shell = fenced_blocks(SAMPLE, "console", "sh")
    assert (console.language, console.line) == ("console", 4)
    assert commands(console) == ["python3 -m venv .venv && weft replay logs"]
    assert commands(shell) == ["python3 -m venv .venv &&    python -m pytest"]
    assert [Block("python", 15, 'print("x")\n')] == fenced_blocks(SAMPLE, "python")


def test_the_main_job_comes_before_the_tests() -> None:
    main_job, tests = set_up_commands(SAMPLE)
    assert ("weft replay" in main_job, "pytest" in tests) == (True, True)


@pytest.mark.parametrize(
    "text", ["", SAMPLE + SAMPLE, SAMPLE.replace("-m pytest", "-m unittest")]
)
def test_other_than_two_set_up_commands_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected two commands"):
        set_up_commands(text)


@pytest.mark.parametrize("command", ["false", "exit 3 | cat", "no-such-command"])
def test_a_command_that_fails_is_noticed(command: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=command.split(maxsplit=1)[0]):
        type_in(Block("console", 1, f"$ {command}\n"), tmp_path)
