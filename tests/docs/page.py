"""What a page in ``docs/`` shows: its fenced blocks and what is to be done with them.

Without a word, the blocks of a page are one story in one fresh directory, top to
bottom: Python shares a namespace, ``console`` is typed, ``json`` and ``toml`` are
parsed. A comment on the line above a block says otherwise, one above the first block
of a page, with ``page:``, for all of its Python:

``<!-- test: file flows.py -->``
    it is written to this file, not executed;
``<!-- test: alone -->``
    it is a script of its own, in a fresh directory of its own;
``<!-- test: numbers vary -->``
    digits in its output stand for any digits;
``<!-- test: not run: why -->``
    nothing is done with it.

``<!-- page: needs langgraph -->`` skips the page where a package is missing.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple

from tests.house.readme import Block, fenced_blocks

__all__ = ["LANGUAGES", "Command", "Shown", "needed", "shown", "typed"]

LANGUAGES: Final = ("python", "console", "json", "toml", "text")
"""What a block may be in. ``text`` right behind Python is what that prints."""

_MARK: Final = re.compile(r"<!-- (?:test|page): (.*) -->")


class Shown(NamedTuple):
    """A block of a page.

    Attributes:
        language: one of ``LANGUAGES``.
        line: the number of its first line.
        text: what is in it.
        marks: what the comment above it says, or one for the whole page.
        follows: nothing but an empty line is between it and the block before.
    """

    language: str
    line: int
    text: str
    marks: tuple[str, ...]
    follows: bool

    def mark(self, word: str) -> str | None:
        """Return what stands behind a word in the marks; None if it is not there."""
        found = (one.removeprefix(word) for one in self.marks if one.startswith(word))
        return next((rest.strip(" :") for rest in found), None)


class Command(NamedTuple):
    """What is typed, and what is shown to come of it; empty for whatever it is."""

    line: str
    output: str


def shown(page: Path) -> list[Shown]:
    """Return the blocks of a page, top to bottom.

    Raises:
        ValueError: one is in a language that nobody would look at.
    """
    text = page.read_text(encoding="utf-8")
    lines = text.splitlines()
    everywhere = tuple(re.findall(r"^<!-- page: (.*) -->$", text, re.MULTILINE))
    blocks = fenced_blocks(text, *_languages(text))
    unknown = [f"{page.name}:{b.line}" for b in blocks if b.language not in LANGUAGES]
    if unknown:
        raise ValueError(f"say in which of {LANGUAGES} these are: {unknown}")
    return [_shown(block, lines, everywhere) for block in blocks]


def _languages(text: str) -> set[str]:
    opened = re.findall(r"^```(\w*)", text, re.MULTILINE)[::2]
    return set(opened)


def _shown(block: Block, lines: list[str], everywhere: tuple[str, ...]) -> Shown:
    fence = block.line - 2  # of its opening line, from 0
    marks = _MARK.findall(lines[fence - 1]) if fence else []
    last = next((line for line in lines[fence - 1 :: -1] if line.strip()), "")
    return Shown(*block, (*marks, *everywhere), follows=last == "```")


def needed(page: Path) -> list[str]:
    """Return the packages that a page needs."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^<!-- page: needs (.*) -->$", text, re.MULTILINE)


def typed(text: str) -> list[Command]:
    """Return the commands of a console block, each with its output.

    A line that ends with a backslash goes on in the next one.
    """
    commands: list[list[str]] = []
    output: list[list[str]] = []
    goes_on = False
    for line in text.splitlines():
        if goes_on:
            commands[-1].append(line)
        elif line.startswith("$ "):
            commands.append([line.removeprefix("$ ")])
            output.append([])
        else:
            output[-1].append(line)
            continue
        goes_on = line.endswith("\\")
    return [
        Command("\n".join(lines), "\n".join(told))
        for lines, told in zip(commands, output, strict=True)
    ]
