"""Which module imports which, and the circles in that: from the sources alone."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final

_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers", "cases")


def imports_of(source: str, *, types: bool) -> set[str]:
    """Return the names that a module imports while it is loaded.

    Args:
        source: of the module.
        types: count what is imported for type checkers alone as well.

    Returns:
        dotted names; ``from a import b`` gives ``a.b``, for one cannot see whether
        ``b`` is a module.
    """
    return set(_names(ast.parse(source).body, types=types))


def graph_of(sources: Mapping[str, str], *, types: bool) -> dict[str, set[str]]:
    """Return for each module those of the others that it imports."""
    return {
        module: {
            one if one in sources else one.rpartition(".")[0]
            for one in imports_of(source, types=types)
        }
        & sources.keys() - {module}
        for module, source in sources.items()
    }


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return circles of a graph, so many that without their edges there is none."""
    left = {module: set(imported) for module, imported in graph.items()}
    found = []
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1][::-1]
            found.append(circle)
            left[circle[0]].discard(circle[1])
        else:
            return found


def _names(body: Iterable[ast.AST], *, types: bool) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and _is_for_types(node.test):
            yield from _names(node.body if types else node.orelse, types=types)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for block in _BLOCKS:
                yield from _names(getattr(node, block, ()), types=types)


def _is_for_types(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
