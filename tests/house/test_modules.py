"""READMEs list what is there: the modules of a room, the folders of the tests."""

import re
from pathlib import Path

import pytest

from tests.house.modules import HEADING, beginning, listed, readme, with_modules
from tests.house.project import files, rooms, told

ROOMS = rooms(Path(__file__).resolve().parents[2])


def rows(text: str) -> set[str]:
    """Return the rows of all tables of a text."""
    return {line for line in text.splitlines() if line.startswith("|")}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_lists_its_modules_and_no_others(repository: Path, room: str) -> None:
    text = readme(repository, room).read_text(encoding="utf-8")
    expected = with_modules(text, repository, room)
    remedy = "let `python -m tests.house.modules` write the lists anew"
    assert expected == text, told(remedy, sorted(rows(expected) ^ rows(text)))


def test_the_tests_list_their_folders_and_no_others(repository: Path) -> None:
    text = (repository / "tests" / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE))
    there = {path.parts[1] for path in files(repository) if path.parts[0] == "tests"}
    there = {name for name in there if (repository / "tests" / name).is_dir()}
    assert there == named, told("tests/README.md: list these", there ^ named)


def test_a_list_is_at_the_end_and_made_anew(tmp_path: Path) -> None:
    package = tmp_path / "room" / "weft" / "room"
    (package / "within").mkdir(parents=True)
    sources = {
        "__init__.py": '"""The room."""\n',
        "nouns.py": '"""Nouns: :class:`~weft.room.nouns.Noun`, a|b.\n\nMore."""\n',
        "within/__init__.py": '"""What is within."""\n',
        "within/verbs.py": '"""``do``,\nand be."""\n',
    }
    for name, source in sources.items():
        (package / name).write_text(source)
    expected = [
        ("nouns", r"Nouns: `Noun`, a\|b."),
        ("within/", "What is within."),
        ("within/verbs", "`do`, and be."),
    ]
    assert expected == list(listed(tmp_path, "room"))
    made = with_modules("# room\n\nWhat for.\n", tmp_path, "room")
    assert made.startswith(f"# room\n\nWhat for.\n\n{HEADING}")
    assert made.endswith("| `within/verbs` | `do`, and be. |\n")
    (package / "nouns.py").unlink()
    assert "nouns" not in with_modules(made, tmp_path, "room")
    assert 1 == with_modules(made, tmp_path, "room").count(HEADING)


def test_a_module_without_a_docstring_has_nothing_to_say() -> None:
    assert "" == beginning("x = 1\n")
