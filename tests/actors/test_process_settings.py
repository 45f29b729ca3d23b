"""What a runtime changes in its process is put back."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import pytest

from tests.actors.support import LONG_S
from weft.actors.collector import IMMORTAL_MAX, CollectorStatistics
from weft.actors.dispatcher import Dispatcher
from weft.actors.process_settings import ProcessSettings, check_interval
from weft.storage import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    before = sys.getswitchinterval()
    dispatcher = Dispatcher()
    dispatcher.start()
    yield dispatcher
    assert dispatcher.stop(LONG_S)
    sys.setswitchinterval(before)


def test_nothing_is_changed_without_being_asked_for(dispatcher: Dispatcher) -> None:
    before = sys.getswitchinterval(), gc.get_threshold()
    settings = ProcessSettings(dispatcher, None, collector=False, one_core=False)
    assert before == (sys.getswitchinterval(), gc.get_threshold())
    assert CollectorStatistics() == settings.statistics()
    settings.restore(LONG_S)
    assert before == (sys.getswitchinterval(), gc.get_threshold())


def test_what_was_changed_is_put_back(dispatcher: Dispatcher) -> None:
    before = sys.getswitchinterval(), gc.get_threshold()
    settings = ProcessSettings(dispatcher, 0.001, collector=True, one_core=False)
    assert pytest.approx(0.001) == sys.getswitchinterval()
    assert gc.get_freeze_count()
    assert {"0", "1", "2"} == set(settings.statistics().pauses)
    settings.restore(LONG_S)
    assert before == (sys.getswitchinterval(), gc.get_threshold())
    assert gc.get_freeze_count() < IMMORTAL_MAX


def test_what_somebody_else_changed_meanwhile_is_left_alone(
    dispatcher: Dispatcher,
) -> None:
    settings = ProcessSettings(dispatcher, 0.001, collector=False, one_core=False)
    sys.setswitchinterval(0.003)
    settings.restore(LONG_S)
    assert pytest.approx(0.003) == sys.getswitchinterval()


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "fast", float("nan")])
def test_what_is_no_interval_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidArgument):
        check_interval(wrong)
    check_interval(None)
    check_interval(0.0005)
