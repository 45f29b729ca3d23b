"""Every weaker protocol is found out."""

import pytest

from tests.simulation.hunt import hunted
from tests.simulation.mutants import MUTANTS, Patch, mutated

SEEDS_MAX = 2000


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_weaker_protocol_is_caught(mutant: Patch) -> None:
    with mutated(mutant):
        hunt = hunted(range(SEEDS_MAX))
    assert hunt.prey is not None, f"{mutant.__name__} survived {SEEDS_MAX} seeds"
