"""What makes one value into another, and values as people read them: in the browser."""

from typing import Any

import pytest

from tests.daemon.page.browsing import Page
from tests.daemon.page.places import go

CHANGES_MAX = 500


@pytest.fixture(autouse=True)
def modules(page: Page) -> None:
    """Have the page's own modules at hand."""
    go(page, "operations")
    page.evaluate(
        """async () => {
            const { changes } = await import("./page/diff.js");
            const { readable, objectIn } = await import("./page/work.js");
            const failed = (text) => {
                try {
                    return objectIn(text) && "";
                } catch (error) {
                    return error.message;
                }
            };
            Object.assign(globalThis, { changes, readable, objectIn, failed });
        }"""
    )


def changes(page: Page, before: Any, after: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(
        "([before, after]) => changes(before, after)", [before, after]
    )
    return found


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": [1, {"c": None}]}}, {"a": {"b": [1, {"c": None}]}}, []),
        ({}, {"a": 1}, [("a", "added", None, 1)]),
        ({"a": 1}, {}, [("a", "removed", 1, None)]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("a.b", "changed", 1, 2)]),
        ([1, 2], [1], [("[1]", "removed", 2, None)]),
        ({"a": [1]}, {"a": {}}, [("a", "changed", [1], {})]),
        ({"a": None}, {"a": {}}, [("a", "changed", None, {})]),
        (1, 2, [("(all)", "changed", 1, 2)]),
        ({"a b": 1, "ünï": 1}, {"ünï": 2}, [
            ("ünï", "changed", 1, 2), ('["a b"]', "removed", 1, None),
        ]),
        ({}, {"__proto__": 1, "toString": 2}, [
            ("__proto__", "added", None, 1), ("toString", "added", None, 2),
        ]),
    ],
)  # fmt: skip
def test_changes_are_told_with_their_path(
    page: Page, before: Any, after: Any, expected: list[tuple[Any, ...]]
) -> None:
    found = page.evaluate(
        "([before, after]) => changes(JSON.parse(before), JSON.parse(after))",
        [_json(before), _json(after)],
    )
    names = ("path", "kind", "before", "after")
    assert expected == [tuple(one.get(name) for name in names) for one in found]


def _json(value: Any) -> str:
    import json

    return json.dumps(value)


def test_there_is_an_end_to_what_is_told(page: Page) -> None:
    many = {f"k{n}": n for n in range(2 * CHANGES_MAX)}
    assert CHANGES_MAX == len(changes(page, {}, many))
    assert CHANGES_MAX == len(changes(page, many, dict.fromkeys(many, -1)))


def test_what_fits_on_a_line_stands_on_one(page: Page) -> None:
    value = {"short": [1, {"a": "b"}], "long": ["x" * 50, "y" * 50], "empty": []}
    expected = "\n".join(
        (
            "{",
            '  "short": [ 1, { "a": "b" } ],',
            '  "long": [',
            f'    "{"x" * 50}",',
            f'    "{"y" * 50}"',
            "  ],",
            '  "empty": []',
            "}",
        )
    )
    assert expected == page.evaluate("readable", value)
    assert "null" == page.evaluate("readable(null)")
    assert '"a  b\\n"' == page.evaluate("readable('a  b\\n')")


def test_only_objects_are_taken_for_a_config(page: Page) -> None:
    assert {"a": [1]} == page.evaluate("""objectIn(' {"a": [1]} ')""")
    assert {} == page.evaluate("objectIn(' ')")
    for text in ("[1]", "null", "1", "{a: 1}"):
        assert "JSON" in page.evaluate("failed", text)
