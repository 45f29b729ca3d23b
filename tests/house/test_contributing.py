"""The files and programs that CONTRIBUTING.md leads to are there."""

import importlib.util
import re
from pathlib import Path

from tests.house.project import files, told

PLACE = re.compile(r"`((?:[\w.]+/)+[\w.]*)`|`(\w+\.(?:py|md|toml|txt))`")
EXTRAS = re.compile(r"'\.\[([\w,]+)\]'")
PROGRAM = re.compile(r"python -m ([\w.]+)")
ARGUMENT = re.compile(r"\b(?:tests|docs|metrics|bench)/[\w./]*\w")


def text(repository: Path) -> str:
    return (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_file_that_is_named_is_there(repository: Path) -> None:
    known = files(repository)
    ends = {"/".join(path.parts[n:]) for path in known for n in range(len(path.parts))}
    folders = {str(parent) for path in known for parent in path.parents}
    named = {whole or name for whole, name in PLACE.findall(text(repository))}
    named |= set(ARGUMENT.findall(text(repository)))
    lost = [
        place
        for place in sorted(named)
        if place not in ends and place.rstrip("/") not in folders
    ]
    assert not lost, told("CONTRIBUTING.md names what is not there", lost)
    assert len(named) > 30


def test_it_sets_up_what_the_checks_run_with(repository: Path) -> None:
    checks = (repository / ".ci" / "run").read_text(encoding="utf-8")
    assert EXTRAS.findall(checks) == EXTRAS.findall(text(repository))


def test_every_program_that_is_named_can_be_run(repository: Path) -> None:
    named = set(PROGRAM.findall(text(repository)))
    lost = [name for name in sorted(named) if importlib.util.find_spec(name) is None]
    assert not lost, told("CONTRIBUTING.md runs what is not there", lost)
    assert {"pytest", "bench", "weft.metrics.document"} <= named
