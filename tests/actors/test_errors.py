"""The errors of the actors: sentence, data, remedy, and all that after pickling."""

from __future__ import annotations

import pickle

import pytest

from weft.actors import errors
from weft.actors.errors import (
    ActorQuarantined,
    AskOrderError,
    DeadlockError,
    RestartsExceeded,
    ask_order_error,
    deadlock_error,
)
from weft.storage import SessionThreadException


@pytest.mark.parametrize(
    "error",
    [
        deadlock_error(["a", "b", "a"]),
        ask_order_error(["a", "b"]),
        ActorQuarantined("a failed.", details={"retry_after_s": 3.0}),
        RestartsExceeded("a failed.", cause=KeyError("why")),
    ],
)
def test_an_error_survives_pickling_with_all_its_data(
    error: SessionThreadException,
) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own
    assert type(error) is type(again)
    assert str(error) == str(again)
    assert error.details == again.details
    assert repr(error.cause) == repr(again.cause)
    assert error.remedy in str(error)


def test_the_chain_is_data_and_in_the_sentence() -> None:
    deadlock = deadlock_error(["a", "b", "a"])
    assert ("a", "b", "a") == deadlock.chain
    assert "a -> b -> a: the ask would close a circle" in str(deadlock)
    assert ("a", "b") == ask_order_error(["a", "b"]).chain
    assert () == DeadlockError().chain == AskOrderError().chain


def test_who_is_refused_hears_when_to_come_back() -> None:
    assert 3.0 == ActorQuarantined(details={"retry_after_s": 3.0}).retry_after_s
    assert ActorQuarantined().retry_after_s > 0


def test_every_error_has_a_remedy_of_its_own() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, SessionThreadException)
        and kind.__module__ == errors.__name__
    ]
    named = [kind for kind in kinds if not kind.__name__.startswith("_")]
    assert named
    assert len(named) == len({kind.remedy for kind in named})
