"""The folders are what the build, the importers and the newcomer take them for."""

import importlib
from pathlib import Path

from tests.house.project import files, portion, rooms, settings, told


def test_no_portion_hides_the_others(repository: Path) -> None:
    culprits = sorted(repository.glob("*/weft/__init__.py"))
    remedy = "delete it: with this file Python sees one portion of weft and no other"
    assert not culprits, told(remedy, culprits)


def test_nothing_but_portions_lies_in_the_namespace(repository: Path) -> None:
    inside = {
        (path.parts[0], path.parts[2])
        for path in files(repository)
        if path.parts[1:2] == ("weft",)
    }
    assert inside == {(room, room) for room in rooms(repository)}, (
        "a room holds weft/<its own name>/ and nothing else; move the rest there"
    )


def test_every_portion_is_typed(repository: Path) -> None:
    untyped = [
        room
        for room in rooms(repository)
        if not (portion(repository, room) / "py.typed").is_file()
    ]
    remedy = "add an empty py.typed next to the portion's __init__.py"
    assert not untyped, told(remedy, untyped)


def test_every_name_a_portion_announces_exists(repository: Path) -> None:
    missing = []
    for room in rooms(repository):
        module = importlib.import_module(f"weft.{room}")
        announced = getattr(module, "__all__", [])
        if not announced:
            missing.append(f"weft.{room} has no __all__: list its public names")
        missing += [
            f"weft.{room}.{name} is in __all__ only: import it there or take it out"
            for name in announced
            if not hasattr(module, name)
        ]
    assert not missing, told("make __all__ true", missing)


def test_every_top_folder_says_what_it_is_for(repository: Path) -> None:
    tops = {path.parts[0] for path in files(repository) if len(path.parts) > 1}
    silent = [
        top
        for top in sorted(tops)
        if not top.startswith(".") and not (repository / top / "README.md").is_file()
    ]
    remedy = "write its README.md: what it is for, promises, and is not"
    assert not silent, told(remedy, silent)


def test_build_tests_and_checkers_know_the_same_rooms(repository: Path) -> None:
    expected = rooms(repository)
    tool = settings(repository)["tool"]
    wheel = tool["hatch"]["build"]["targets"]["wheel"]
    known = {
        "hatch wheel only-include": [p.split("/")[0] for p in wheel["only-include"]],
        "hatch wheel sources": wheel["sources"],
        "pytest pythonpath": tool["pytest"]["ini_options"]["pythonpath"],
        "mypy mypy_path": tool["mypy"]["mypy_path"].split(":"),
        "mypy files": tool["mypy"]["files"],
        "ruff src": tool["ruff"]["src"],
        "import-linter": [
            name.removeprefix("weft.") for name in tool["importlinter"]["root_packages"]
        ],
    }
    forgetful = {
        place: sorted(set(expected) - set(names))
        for place, names in known.items()
        if not set(expected) <= set(names)
    }
    remedy = "name these rooms there, too (pyproject.toml)"
    assert not forgetful, told(remedy, forgetful.items())
