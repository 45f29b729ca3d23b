"""Signals are noted inside the block and mean what they meant outside it."""

import signal

import pytest

from weft.daemon.stop import Stop, Stopped, stop_signals


@pytest.mark.parametrize(
    ("signum", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_is_a_request_that_is_obeyed_where_it_is_looked_at(
    signum: signal.Signals, exit_code: int
) -> None:
    stop = Stop()
    with stop_signals(stop):
        stop.check()
        signal.raise_signal(signum)
        assert signum == stop.signum
        with pytest.raises(Stopped) as caught:
            stop.check()
    assert exit_code == caught.value.exit_code
    assert "Run the same command again" in str(caught.value)


def test_a_request_is_told_at_once() -> None:
    told = []
    with stop_signals(Stop(lambda: told.append("stop"))):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert told == ["stop", "stop"]


def test_after_the_block_signals_mean_what_they_meant() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with stop_signals(Stop()):
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert before == (
        signal.getsignal(signal.SIGTERM),
        signal.getsignal(signal.SIGINT),
    )
