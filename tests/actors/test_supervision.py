"""The rules of supervision, on their own: times in, decisions out."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.actors.supervision import (
    Escalate,
    Quarantine,
    Restart,
    RestartHistory,
    RestartPolicy,
)

S = 1_000_000_000


def no_jitter() -> float:
    return 0.5


def delays(policy: RestartPolicy, times_s: list[float]) -> list[Any]:
    history = RestartHistory(policy, no_jitter)
    decisions = [history.failed(round(time_s * S)) for time_s in times_s]
    return [one.delay_s if isinstance(one, Restart) else one for one in decisions]


def test_the_delay_doubles_up_to_its_limit() -> None:
    policy = RestartPolicy(restarts_max=9, backoff_max_s=1.0)
    assert [0.1, 0.2, 0.4, 0.8, 1.0, 1.0] == delays(policy, [0, 1, 2, 3, 4, 5])


def test_quiet_time_lets_the_delay_begin_anew() -> None:
    policy = RestartPolicy(reset_after_s=10.0)
    assert [0.1, 0.2, 0.4, 0.1] == delays(policy, [0, 1, 10.9, 20.9])


def test_more_failures_than_allowed_in_a_period_escalate() -> None:
    policy = RestartPolicy(restarts_max=2, period_s=10.0, reset_after_s=1e9)
    assert [0.1, 0.2, Escalate(), 0.4] == delays(policy, [0, 5, 9.9, 10])


def test_no_restart_at_all_may_be_the_policy() -> None:
    assert [Escalate()] == delays(RestartPolicy(restarts_max=0), [0])


def test_what_fails_after_a_quarantine_goes_back_at_once() -> None:
    policy = RestartPolicy(
        restarts_max=1, period_s=10.0, quarantine_s=30.0, reset_after_s=5.0
    )
    assert [
        0.1,
        Quarantine(31 * S),
        Quarantine(65 * S),  # 4 s after its end is too early
        0.1,  # 5 s is not
    ] == delays(policy, [0, 1, 35, 70])


def test_jitter_spreads_what_failed_together() -> None:
    policy = RestartPolicy(jitter=0.5)
    first = [
        RestartHistory(policy, lambda number=number: number).failed(0)  # type: ignore[misc]
        for number in (0.0, 0.5, 1.0)
    ]
    assert [0.05, 0.1, pytest.approx(0.15)] == [one.delay_s for one in first]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "fault",
    [
        {"restarts_max": -1},
        {"period_s": 0.0},
        {"backoff_min_s": 2.0, "backoff_max_s": 1.0},
        {"backoff_min_s": -1.0},
        {"jitter": 1.1},
        {"reset_after_s": -1.0},
        {"quarantine_s": 0.0},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(fault: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="makes no sense"):
        RestartPolicy(**fault)  # type: ignore[arg-type]


policies = st.builds(
    RestartPolicy,
    restarts_max=st.integers(0, 6),
    period_s=st.floats(0.1, 100),
    backoff_min_s=st.floats(0, 1),
    backoff_max_s=st.floats(1, 50),
    jitter=st.floats(0, 1),
    reset_after_s=st.floats(0, 100),
    quarantine_s=st.none() | st.floats(0.1, 100),
)
gaps_ns = st.lists(st.integers(0, 200 * S), max_size=40)


@given(policies, gaps_ns, st.integers())
def test_the_promises_hold_for_any_policy_and_any_failures(
    policy: RestartPolicy, gaps: list[int], seed: int
) -> None:
    history = RestartHistory(policy, random.Random(seed).random)
    again = RestartHistory(policy, random.Random(seed).random)
    now_ns, restarts = 0, []
    for gap_ns in gaps:
        now_ns += gap_ns
        decision = history.failed(now_ns)
        assert decision == again.failed(now_ns)
        match decision:
            case Restart(delay_s):
                restarts.append(now_ns)
                low = policy.backoff_min_s * (1 - policy.jitter)
                high = policy.backoff_max_s * (1 + policy.jitter)
                assert low * 0.999 <= delay_s <= high * 1.001
            case Quarantine(until_ns):
                assert policy.quarantine_s is not None
                assert until_ns > now_ns
            case Escalate():
                assert None is policy.quarantine_s
        within = [one for one in restarts if now_ns - one < policy.period_s * S]
        assert len(within) <= policy.restarts_max


@given(policies, st.integers(0, 10))
def test_the_first_failure_and_one_after_quiet_time_count_the_same(
    policy: RestartPolicy, failures: int
) -> None:
    history = RestartHistory(policy, no_jitter)
    first = RestartHistory(policy, no_jitter).failed(0)
    for _ in range(failures):
        history.failed(0)
    quiet_s = policy.reset_after_s + policy.period_s + (policy.quarantine_s or 0) + 1
    later_ns = round(quiet_s * S)
    expected = first
    if isinstance(first, Quarantine):
        expected = Quarantine(first.until_ns + later_ns)
    assert expected == history.failed(later_ns)
