"""No circle of imports: each module can be read, and tested, after those it needs."""

from functools import cache
from pathlib import Path

import pytest

from tests.house.imports import circles, graph_of, imports_of
from tests.house.project import python_files, rooms, told

A_TURN = {
    f"weft.actors.{name}"
    for name in ("cell", "controls", "derived", "future", "scheduler", "suspension")
}
"""What speaks of each other, in types alone: a cell answers a future, a future knows
the cell that was asked, a suspended handler is a cell that waits for a future, and the
scheduler has all of them in its mail. One idea in six rooms; none of them makes sense
without the others."""


@cache
def graph(repository: Path, *, types: bool) -> dict[str, set[str]]:
    """Return what each module of the library imports of the others."""
    found = {}
    for path in python_files(repository, *rooms(repository)):
        if path.parts[1:2] == ("weft",):
            parts = path.with_suffix("").parts[1:]
            name = ".".join(parts).removesuffix(".__init__")
            found[name] = (repository / path).read_text(encoding="utf-8")
    return graph_of(found, types=types)


def test_no_module_needs_itself_to_be_loaded(repository: Path) -> None:
    found = circles(graph(repository, types=False))
    remedy = "move what both need to a module of its own"
    assert not found, told(remedy, map(" -> ".join, found))


def test_types_make_no_circle_either_but_the_one_that_is_an_idea(
    repository: Path,
) -> None:
    beyond = {
        module: imported - A_TURN if module in A_TURN else imported
        for module, imported in graph(repository, types=True).items()
    }
    found = circles(beyond)
    remedy = "name a Protocol of what is needed, beside whoever needs it"
    assert not found, told(remedy, map(" -> ".join, found))


def test_the_circle_that_is_allowed_is_one(repository: Path) -> None:
    imported = graph(repository, types=True)
    found = circles({module: imported[module] & A_TURN for module in A_TURN})
    assert A_TURN == {module for circle in found for module in circle}, (
        "there is less of a circle than A_TURN says: take out of it what stands apart"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b", {"a.b"}),
        ("from a import b", {"a.b"}),
        ("try:\n  import a\nexcept ImportError:\n  import b", {"a", "b"}),
        ("class C:\n  import a", {"a"}),
        ("def f():\n  import a", set()),
        ("if TYPE_CHECKING:\n  import a\nelse:\n  import b", {"b"}),
        ("if x:\n  import a", {"a"}),
    ],
)
def test_what_is_imported_at_loading_is_found(source: str, expected: set[str]) -> None:
    assert expected == imports_of(source, types=False)


def test_a_name_of_a_module_stands_for_the_module() -> None:
    sources = {"a": "", "a.b": "", "c": "from a import b, C"}
    assert {"a", "a.b"} == graph_of(sources, types=False)["c"]


def test_what_is_imported_for_types_is_found() -> None:
    assert {"a"} == imports_of("if TYPE_CHECKING:\n  import a", types=True)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({"a": "b", "b": "c", "c": ""}, set()),
        ({"a": "b", "b": "a"}, {"a", "b"}),
        ({"a": "b", "b": "c", "c": "b"}, {"b", "c"}),
    ],
)
def test_circles_are_found(edges: dict[str, str], expected: set[str]) -> None:
    assert expected == {module for circle in circles(edges) for module in circle}
