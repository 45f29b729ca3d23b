"""Fenced blocks of a Markdown text and the commands in them.

Run as a script with the path of README.md it prints the two set-up commands, first
the one that does the main job, then the one that runs the tests. Standard library
only: `.ci/run` calls it before anything is installed.
"""

import re
import sys
from pathlib import Path
from typing import Final, NamedTuple

SET_UP: Final = "python3 -m venv"
"""How a command begins that sets up a fresh checkout."""

_FENCE: Final = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block; `line` is the number of its first line inside the fence."""

    language: str
    line: int
    text: str


def fenced_blocks(markdown: str, *languages: str) -> list[Block]:
    """Return the fenced blocks in these languages, top to bottom."""
    return [
        Block(match[1], markdown.count("\n", 0, match.start(2)) + 1, match[2])
        for match in _FENCE.finditer(markdown)
        if match[1] in languages
    ]


def commands(block: Block) -> list[str]:
    """Return what a reader types: after `$ ` in `console`, every line in `sh`.

    A line that ends with a backslash goes on in the next one.
    """
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [line for line in lines if line.strip() and not line.startswith("#")]


def set_up_commands(markdown: str) -> tuple[str, str]:
    """Return the main-job command and the test command of a README.

    Raises:
        ValueError: there are not exactly two, or the tests are not in one of them.
    """
    found = [
        command
        for block in fenced_blocks(markdown, "console", "sh")
        for command in commands(block)
        if command.startswith(SET_UP)
    ]
    tests = [command for command in found if "-m pytest" in command]
    others = [command for command in found if "-m pytest" not in command]
    if (len(others), len(tests)) != (1, 1):
        raise ValueError(
            f"expected two commands that begin with `{SET_UP}` in console or sh blocks,"
            " one for the main job and one with `-m pytest`;"
            f" found {len(others)} and {len(tests)}: {found}"
        )
    return others[0], tests[0]


if __name__ == "__main__":
    try:
        pair = set_up_commands(Path(sys.argv[1]).read_text(encoding="utf-8"))
    except ValueError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
    sys.stdout.write("\n".join(pair) + "\n")
