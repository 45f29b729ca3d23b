"""After `kill -9` of a process at work: all it acknowledged, nothing by halves."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.actors.kill.driver import Found
from tests.conftest import REPOSITORY
from tests.house.project import rooms


def kill(seed: int, kills: int, directory: Path, timeout_s: float) -> Found:
    """Kill a process at work as often as asked; return what was left."""
    roots = [str(REPOSITORY / room) for room in rooms(REPOSITORY)]
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.actors.kill.driver",
            str(seed),
            str(kills),
            str(directory),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*roots, str(REPOSITORY)])},
        stdout=subprocess.PIPE,
        check=True,
        timeout=timeout_s,
    ).stdout
    return msgspec.json.decode(told, type=Found)


def test_ten_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    found = kill(seed=1, kills=10, directory=tmp_path, timeout_s=50)
    assert [] == found.faults
    assert 10 == found.kills
    assert found.acknowledged > 100


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_two_hundred_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    found = kill(seed=2, kills=200, directory=tmp_path, timeout_s=1100)
    print(msgspec.json.encode(found).decode())  # noqa: T201 (the figures of a proof)
    assert [] == found.faults
    assert 200 == found.kills
    assert min(found.resumed, found.interrupted, found.unheard) > 0
