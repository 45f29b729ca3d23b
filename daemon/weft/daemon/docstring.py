"""Docstrings in Google's layout, as Markdown.

Guarantees: no word is lost; what is not one of the known sections stays where it is.
Sphinx's roles become plain code, ``::`` and what is indented behind it a fenced block.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Final

__all__ = ["markdown"]

ITEMS: Final = ("Args", "Attributes", "Raises")
"""Sections that are lists of names, each with a sentence."""

_SECTION: Final = re.compile(r"^([A-Z][a-z]+):$")
_ITEM: Final = re.compile(r"^(\*{0,2}[\w., |]+?):\s+(.*)$")
_TERM: Final = re.compile(r"^(``[^`\n]+``)\n((?: {4}.*\n)+)", re.MULTILINE)
_ROLE: Final = re.compile(r":(?:class|data|func|meth|mod|attr|exc):`~?([^`]+)`")
_CODE: Final = re.compile(r"``([^`]+)``")


def markdown(docstring: str) -> str:
    """Return a docstring as Markdown.

    Args:
        docstring: as it stands in the source.
    """
    text = _TERM.sub(_listed, inspect.cleandoc(docstring) + "\n")
    lines = text.splitlines()
    return "\n".join(_sections(lines)).strip()


def _listed(found: re.Match[str]) -> str:
    """Return a term with its indented definition as an item of a list."""
    return (
        f"- {found[1]}: {inspect.cleandoc(found[2]).replace(chr(10), chr(10) + '  ')}\n"
    )


def _sections(lines: list[str]) -> Iterator[str]:
    for title, body in _split(lines):
        if not title:
            yield from _prose(body)
        elif title in ITEMS:
            yield from (f"{title}:", "", *_items(body), "")
        elif title in {"Returns", "Yields"}:
            yield from (
                f"{title}: {_inline(' '.join(map(str.strip, body)).strip())}",
                "",
            )
        else:
            yield from (f"{title}:", "", *_prose(body), "")


def _split(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Split at the headings of sections, whose bodies lose their indent."""
    title = ""
    body: list[str] = []
    for line in lines:
        heading = _SECTION.match(line)
        if heading:
            yield title, body
            title, body = heading[1], []
        elif title and line and not line.startswith(" "):
            yield title, body
            title, body = "", [line]
        else:
            body.append(line.removeprefix("    ") if title else line)
    yield title, body


def _items(body: list[str]) -> Iterator[str]:
    for line in body:
        item = None if line.startswith(" ") else _ITEM.match(line)
        if item:
            names = ", ".join(f"`{name.strip()}`" for name in item[1].split(","))
            yield f"- {names}: {_inline(item[2])}"
        elif line.strip():
            yield f"  {_inline(line.strip())}"


def _prose(body: list[str]) -> Iterator[str]:
    code: list[str] | None = None
    for line in body:
        if code is not None and (not line or line.startswith("    ")):
            code.append(line.removeprefix("    "))
            continue
        if code is not None:
            yield from _fenced(code)
            code = None
        if line.rstrip().endswith("::"):
            words = line.rstrip().removesuffix("::")
            yield from ([f"{_inline(words)}:", ""] if words.strip() else [])
            code = []
        else:
            yield _inline(re.sub(r"^(\s*)\* ", r"\1- ", line))
    if code is not None:
        yield from _fenced(code)


def _fenced(code: list[str]) -> list[str]:
    return ["```python", *"\n".join(code).strip("\n").splitlines(), "```", ""]


def _inline(text: str) -> str:
    named = _ROLE.sub(lambda found: f"`{found[1].rpartition('.weft.')[2]}`", text)
    return _CODE.sub(r"`\1`", named)
