"""The stages of an operation are all there, and timed on the real store."""

from pathlib import Path
from typing import get_args

import pytest

from bench.spec import Case
from bench.stages import STAGES, measure_stages
from weft.storage.group import Group


@pytest.mark.parametrize("case", [case for case in get_args(Case) if case != "hot"])
def test_every_stage_of_an_operation_takes_time(case: Case, tmp_path: Path) -> None:
    found = measure_stages(case, tmp_path, group=8, groups=3)
    assert list(STAGES) == list(found)
    assert all(taken_us > 0 for taken_us in found.values())


def test_the_store_is_its_own_again_afterwards(tmp_path: Path) -> None:
    flush = Group.flush
    measure_stages("create", tmp_path, group=2, groups=1)
    assert flush is Group.flush
