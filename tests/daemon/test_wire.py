"""Paths, events and classes of errors, as everybody who asks a daemon has them."""

import pytest

from weft.daemon.wire import Event, EventLines, family_of, path_of


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (("threads", "t"), "/threads/t"),
        (("threads", "a/b c?"), "/threads/a%2Fb%20c%3F"),
        (("threads", "..", "."), "/threads/%2E%2E/%2E"),
        (("threads", "ü"), "/threads/%C3%BC"),
    ],
)
def test_ids_in_a_path_hold_any_character(parts: tuple[str, ...], path: str) -> None:
    assert path == path_of(*parts)


def events_of(text: str) -> list[Event]:
    lines = EventLines()
    return [event for line in text.split("\n") if (event := lines.feed(line))]


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ('id: 7\nevent: values\ndata: {"n": 1}\n\n', [("values", {"n": 1}, "7")]),
        ("data:1\n\ndata: 2\n\n", [("message", 1, ""), ("message", 2, "")]),
        ("data: [1,\ndata: 2]\n\n", [("message", [1, 2], "")]),
        (": heartbeat\n\nevent: end\n\n", [("end", None, "")]),
        ("\n\n", []),
        ("retry: 5\n\n", []),
        ("data: 1", []),
    ],
    ids=["all", "two", "two lines of data", "comment", "nothing", "no event", "no end"],
)
def test_lines_make_events(text: str, events: list[tuple[str, object, str]]) -> None:
    assert events == events_of(text)


def test_a_family_is_known_by_its_names() -> None:
    found = family_of(LookupError)
    assert (LookupError, KeyError) == (found["LookupError"], found["KeyError"])
    assert "ValueError" not in found
