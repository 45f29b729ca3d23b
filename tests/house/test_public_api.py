"""What users can import is what `public_api.txt` says, so a change is seen in review.

Each line is a name; one that is gone or renamed breaks somebody's program, and the
changelog says so.
"""

import importlib
from pathlib import Path
from typing import Final

from tests.house.project import told

ROOMS: Final = (
    "weft.storage",
    "weft.actors",
    "weft.actors.testing",
    "weft.metrics",
    "weft.integrations",
    "weft.integrations.langgraph",
    "weft.cluster",
    "weft.daemon",
    "weft.daemon.client",
)
"""The modules that a program imports from; all others are nobody's but ours."""

LISTED: Final = Path(__file__).with_name("public_api.txt")


def public_names() -> list[str]:
    """Return the qualified public names, sorted in each room."""
    return [
        f"{room}.{name}"
        for room in ROOMS
        for name in sorted(importlib.import_module(room).__all__)
    ]


def test_the_public_names_are_those_that_are_listed() -> None:
    listed, found = LISTED.read_text(encoding="utf-8").split(), public_names()
    gone = [f"- {name}" for name in listed if name not in found]
    new = [f"+ {name}" for name in found if name not in listed]
    remedy = "change public_api.txt as well, and say it in the changelog"
    assert not gone + new, told(remedy, gone + new)


def test_each_name_is_listed_once_in_the_order_of_the_rooms() -> None:
    assert public_names() == LISTED.read_text(encoding="utf-8").split(), (
        "sort public_api.txt: rooms as in ROOMS, names by letter"
    )
