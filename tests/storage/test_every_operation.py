"""Every kind of operation is known wherever kinds are told apart."""

from typing import Any, get_args

import pytest

from tests.storage.model import STEPS
from tests.storage.samples import SAMPLES
from weft.storage.operations import Operation
from weft.storage.rules import _RULES, RESULTS

KINDS = set(get_args(Operation))

PLACES: dict[str, set[Any]] = {
    "rules.py: _RULES, what it does": set(_RULES),
    "tests/storage/model.py: STEPS, what it must do": set(STEPS),
    "tests/storage/samples.py: SAMPLES, one that is applied": {
        type(sample.applied) for sample in SAMPLES.values()
    },
}


@pytest.mark.parametrize("place", PLACES)
def test_every_kind_of_operation_stands_there_and_no_other(place: str) -> None:
    assert KINDS == PLACES[place]


def test_every_kind_of_operation_has_a_type_of_answer() -> None:
    names = {kind.__name__ for kind in KINDS}
    assert names == set(RESULTS)
