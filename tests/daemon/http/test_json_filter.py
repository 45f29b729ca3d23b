"""Containment as PostgreSQL has it for jsonb, and paths into JSON."""

from typing import Any

import pytest

from weft.daemon.http.json_filter import MISSING, contains, lookup, parse_path

HELD = {"a": 1, "b": {"c": [1, {"d": 2}], "e": None}, "t": True}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"a": 1},
        {"a": 1.0},
        {"b": {}},
        {"b": {"c": []}},
        {"b": {"c": [{"d": 2}]}},
        {"b": {"c": [{}, 1]}},
        {"b": {"e": None}},
        {"t": True},
    ],
)
def test_a_value_contains_its_parts(wanted: Any) -> None:
    assert contains(HELD, wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        {"z": None},
        {"a": "1"},
        {"a": True},
        {"t": 1},
        {"a": {}},
        {"a": []},
        {"b": {"c": [3]}},
        {"b": {"c": {"d": 2}}},
    ],
)
def test_it_does_not_contain_anything_else(wanted: Any) -> None:
    assert not contains(HELD, wanted)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("values", ("values",)),
        ("values.messages[-1].content", ("values", "messages", -1, "content")),
        ("a[0][1]", ("a", 0, 1)),
        ("a b.c-d", ("a b", "c-d")),
    ],
)
def test_a_path_has_names_and_places(text: str, steps: tuple[Any, ...]) -> None:
    assert steps == parse_path(text)


@pytest.mark.parametrize("text", ["", "a..b", "a[", "a[x]", "a]", ".", "a[9999999999]"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_path(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a", 1),
        ("b.c[-1].d", 2),
        ("b.c[0]", 1),
        ("b.e", None),
        ("b.c[2]", MISSING),
        ("b.c[-3]", MISSING),
        ("b.c.d", MISSING),
        ("a[0]", MISSING),
        ("z.z", MISSING),
    ],
)
def test_a_path_leads_to_a_value_or_nowhere(text: str, found: Any) -> None:
    assert found == lookup(HELD, parse_path(text))
