"""What simulation once found stays found, and stays away."""

import pytest

from tests.simulation.defects import DEFECTS, Defect
from tests.simulation.hunt import hunted_with, story

SEEDS_MAX = 2000
SEEDS = 300


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_that_comes_back_is_found(
    defect: Defect, monkeypatch: pytest.MonkeyPatch
) -> None:
    defect.put_back(monkeypatch)
    hunt = hunted_with(defect.plan, range(SEEDS_MAX))
    assert hunt.prey is not None, f"{defect.name}: not found in {SEEDS_MAX} seeds"


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_what_brought_a_defect_out_does_so_no_more(defect: Defect) -> None:
    hunt = hunted_with(defect.plan, range(SEEDS))
    if hunt.prey is not None:
        pytest.fail(story(hunt.prey), pytrace=False)
