"""Looking into JSON: whether a value contains another, and what lies at a path.

The meaning of containment is PostgreSQL's for ``jsonb @>``, which clients of the
protocol know: an object contains another that has some of its keys, a list one whose
items it has, in any order.
"""

import re
from typing import Any, Final

__all__ = ["MISSING", "contains", "lookup", "parse_path"]

MISSING: Final = object()
"""What lies where nothing does."""

_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[(-?\d{1,9})\]")

Path = tuple[str | int, ...]


def contains(held: Any, wanted: Any) -> bool:
    """Whether a value has all that another one has."""
    if isinstance(wanted, dict):
        return isinstance(held, dict) and all(
            key in held and contains(held[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(held, list) and all(
            any(contains(item, value) for item in held) for value in wanted
        )
    return bool(held == wanted) and isinstance(held, bool) == isinstance(wanted, bool)


def parse_path(text: str) -> Path:
    """Return the steps of a path such as ``values.messages[-1].content``.

    Raises:
        ValueError: it is none.
    """
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            words = f"{text!r} is no path: look at character {at + 1}"
            raise ValueError(words)
        name, index = found.groups()
        steps.append(name if index is None else int(index))
        at = found.end()
    if not steps:
        words = "a path has at least one name"
        raise ValueError(words)
    return tuple(steps)


def lookup(value: Any, path: Path) -> Any:
    """Return what lies at a path, :data:`MISSING` where nothing does."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step, MISSING)
        elif isinstance(step, int) and isinstance(value, list):
            value = value[step] if -len(value) <= step < len(value) else MISSING
        else:
            return MISSING
    return value
