"""A damaged file is told or harmless: never read as truth, never the process's end."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tests.storage.corruption.damages import DAMAGES
from tests.storage.corruption.plant import HARMLESS, TOLD, Planted

SCRIPT = Path(__file__).with_name("plant.py")

ALWAYS_TOLD = {"lost_meta", "older_file", "stale_meta"}
"""Kinds that cannot be harmless; the others may hit a free page."""


def planted(directory: Path, seed: int, count: int, path: str) -> list[Planted]:
    """Plant damages in a process of its own and return what came of them."""
    done = subprocess.run(
        [sys.executable, SCRIPT, directory, str(seed), str(count), path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        timeout=3000,
    )
    return [msgspec.json.decode(one, type=Planted) for one in done.stdout.splitlines()]


def neither_told_nor_harmless(found: list[Planted]) -> list[Planted]:
    """Return those that were read as truth; most of all must have been told."""
    told = Counter(one.kind for one in found if one.outcome == TOLD)
    sys.stdout.write(f"{len(found)} damages: {told.total()} told\n")
    assert {damage.__name__ for damage in DAMAGES} == set(told), "each can be told"
    assert len(found) * 3 // 5 < told.total(), "most damages hit something"
    harmless = {one.kind for one in found if one.outcome == HARMLESS}
    assert harmless.isdisjoint(ALWAYS_TOLD)
    return [one for one in found if one.outcome not in {TOLD, HARMLESS}]


def test_33_planted_damages_are_told_or_harmless(tmp_path: Path) -> None:
    found = planted(tmp_path, 1, 33, "fork")
    assert 33 == len(found)
    assert [] == neither_told_nor_harmless(found)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_660_damages_found_at_the_first_open_after_a_restart(tmp_path: Path) -> None:
    found = planted(tmp_path, 3, 660, "open")
    assert 660 == len(found)
    assert [] == neither_told_nor_harmless(found)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_2200_planted_damages_are_told_or_harmless(tmp_path: Path) -> None:
    found = planted(tmp_path, 5, 2200, "fork")
    assert 2200 == len(found)
    assert [] == neither_told_nor_harmless(found)
