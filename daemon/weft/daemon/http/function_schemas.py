"""What a workflow of functions takes and yields, as far as its annotations say.

Guarantees: nothing is guessed; what says no more than that it is a mapping has no
schema.
"""

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from itertools import pairwise
from types import NoneType
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec

__all__ = ["drawing_of", "schemas_of"]

_YIELDING: Final = frozenset(
    {Iterator, Iterable, Generator, AsyncIterator, AsyncIterable, AsyncGenerator}
)

_SILENT: Final = (Any, object, NoneType, dict, Mapping)
"""Annotations that say nothing, by themselves or of their entries."""


def schemas_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return JSON schemas of what a function takes and of the states it yields.

    Args:
        function: takes ``(context, config)``.
    """
    try:
        hints = get_type_hints(function)
        names = [*inspect.signature(function).parameters]
    except (NameError, TypeError, ValueError, AttributeError):
        return {}
    config = hints.get(names[1]) if len(names) > 1 else None
    state = hints.get("return")
    if get_origin(state) in _YIELDING:
        state = get_args(state)[0]
    found = _schema(state)
    return {
        "input_schema": _schema(config),
        "output_schema": found,
        "state_schema": found,
    }


def drawing_of(name: str) -> dict[str, Any]:
    """Return the graph that a function is: one node.

    Args:
        name: of the workflow.
    """
    row = ("__start__", name, "__end__")
    return {
        "nodes": [
            {"id": each, "type": "runnable", "data": {"name": each}} for each in row
        ],
        "edges": [
            {"source": before, "target": after} for before, after in pairwise(row)
        ],
    }


def _schema(kind: Any) -> dict[str, Any] | None:
    if kind is None or _is_silent(kind):
        return None
    try:
        return msgspec.json.schema(kind)
    except TypeError:  # it has no JSON
        return None


def _is_silent(kind: Any) -> bool:
    bare = get_origin(kind) or kind
    entries = get_args(kind)[1:]
    return bare in _SILENT and all(each in _SILENT for each in entries)
