"""The list of a room's modules in its README: ``python -m tests.house.modules``.

Guarantees: every module is in it, in the words its docstring begins with, and nothing
else; what stands above the list is left as it is.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.house.project import portion, python_files, rooms

HEADING: Final = "## Modules\n"
INTRODUCTION: Final = """
In the words that each begins with; `python -m tests.house.modules` lists them.

| module | what it is |
| --- | --- |
"""
_ROLE: Final = re.compile(r":[a-z]+:`~?(?:[\w.]*\.)?(\w+)`")


def readme(repository: Path, room: str) -> Path:
    """Return the path of a room's README."""
    return repository / room / "README.md"


def with_modules(text: str, repository: Path, room: str) -> str:
    """Return a README that ends with the list of its room's modules."""
    above = text.partition(f"\n{HEADING}")[0].rstrip("\n")
    rows = "".join(
        f"| `{name}` | {said} |\n" for name, said in listed(repository, room)
    )
    return f"{above}\n\n{HEADING}{INTRODUCTION}{rows}"


def listed(repository: Path, room: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each module of a room, and what its docstring begins with.

    A folder is named with a slash at its end. The room's own is the README's title.
    """
    root = portion(repository, room).relative_to(repository)
    for path in python_files(repository, room):
        inside = path.relative_to(root)
        if inside.name != "__init__.py":
            name = inside.with_suffix("").as_posix()
        elif inside.parent.name:
            name = f"{inside.parent.as_posix()}/"
        else:
            continue
        yield name, beginning((repository / path).read_text(encoding="utf-8"))


def beginning(source: str) -> str:
    """Return the first paragraph of a module's docstring, as Markdown in a table."""
    paragraph = (ast.get_docstring(ast.parse(source)) or "").partition("\n\n")[0]
    plain = _ROLE.sub(r"`\1`", " ".join(paragraph.split()))
    return plain.replace("``", "`").replace("|", r"\|")


def main(repository: Path) -> None:
    """Write the lists."""
    for room in rooms(repository):
        path = readme(repository, room)
        text = path.read_text(encoding="utf-8")
        path.write_text(with_modules(text, repository, room), encoding="utf-8")


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[2])
