"""Production's sessions, threads, writer and rules under thousands of schedules."""

import sys
from types import CodeType, FrameType
from typing import Any

import pytest

from tests.simulation.hunt import Hunt, hunted, story, tried
from tests.simulation.plan import Act, Plan, drawn
from weft.actors import ExecutionContext
from weft.actors.root import Root
from weft.actors.session import SessionActor
from weft.actors.submitter import Submitter
from weft.actors.testing import Pct, Replay, Simulation, Uniform, explore_all
from weft.actors.thread import ThreadActor
from weft.storage import (
    WorkflowExecutionError,
    Writer,
    rules,
    rules_runs,
    rules_threads,
)
from weft.storage.group import Group
from weft.storage.operation_log import OperationLog
from weft.storage.store import TreeStore

LONG_PARTS = 80
"""Of the long run: a part takes some ten seconds, so that it is seen to go on."""


PARTS = 5
"""Of the seeds of the default run, so that several workers can share them."""

BREAKS_MAX = 3
"""Fewer than supervision bears before it quarantines a session."""


def fail_with_its_story(hunt: Hunt) -> None:
    if hunt.prey is not None:
        pytest.fail(story(hunt.prey), pytrace=False)


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_wrong_under_any_of_the_uniform_schedules(
    seeds: range, part: int
) -> None:
    some = seeds[part::PARTS]
    hunt = hunted(some)
    fail_with_its_story(hunt)
    assert len(some) == hunt.seeds
    assert len(some) < 2 or hunt.crashes > hunt.seeds, "it should have crashed often"


def test_nothing_is_wrong_when_few_priorities_change(seeds: range) -> None:
    few = seeds[: len(seeds) // 5 or 1]
    hunt = hunted(few, Pct)
    fail_with_its_story(hunt)
    assert len(few) == hunt.seeds


def test_nothing_is_wrong_when_actors_of_sessions_break(seeds: range) -> None:
    few = seeds[: len(seeds) // 10 or 1]
    hunt = hunted(few, breaks_max=BREAKS_MAX)
    fail_with_its_story(hunt)
    assert len(few) == hunt.seeds
    assert len(few) == 1 or hunt.breaks > hunt.seeds, "they should have broken often"


def test_nothing_is_wrong_under_every_schedule_of_two_clients_that_meet() -> None:
    """One thread, moved there and back: whoever comes first, both take effect."""

    def meet(simulation: Simulation) -> None:
        simulation.result(simulation.session("b").open())
        thread = simulation.result(simulation.session("a").create_thread("x"))
        moves = [thread.transfer_to("b"), thread.transfer_to("a")]
        simulation.run()
        assert [move.get().rev for move in moves] in ([2, 3], [2, 1])
        assert simulation.check().clean

    explored = explore_all(meet, depth=100)
    assert explored.complete
    assert 500 < explored.schedules


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(LONG_PARTS))
def test_nothing_is_wrong_in_a_long_run(long_seeds: range, part: int) -> None:
    strategy = Pct if part % 4 == 3 else Uniform
    seeds = long_seeds[part::LONG_PARTS]
    hunt = hunted(seeds, strategy, BREAKS_MAX if part % 2 else 0)
    fail_with_its_story(hunt)
    assert len(seeds) == hunt.seeds


def test_the_same_seed_gives_the_same_run() -> None:
    (one, _), (other, _) = (tried(drawn(7), Uniform(7), trace=True) for _ in range(2))
    assert [line[:60] for line in one.simulation.trace] == [
        line[:60] for line in other.simulation.trace
    ]
    with one.simulation.store.read() as first, other.simulation.store.read() as second:
        for tree in "MLOSTRXI":
            assert list(first.entries(tree)) == list(second.entries(tree))


def test_a_replayed_list_of_choices_gives_the_same_run() -> None:
    first, _ = tried(drawn(11), Uniform(11))
    again, _ = tried(drawn(11), Replay(first.simulation.strategy.choices))
    assert first.simulation.steps == again.simulation.steps
    assert first.simulation.crashes == again.simulation.crashes
    assert [a.act for a in first.answers] == [a.act for a in again.answers]


PRODUCTION = (
    SessionActor._command,
    SessionActor._feed,
    SessionActor._settled,
    SessionActor._passivate,
    ThreadActor._settled,
    ThreadActor._resume,
    Submitter.submit,
    Root._publish,
    Root._recover,
    Writer.submit,
    Writer.step,
    Writer._write,
    TreeStore.apply,
    Group.flush,
    OperationLog.first_answer,
    rules.decide,
    rules_threads.transfer_threads,
    rules_runs.append_state,
)


def test_what_is_simulated_is_the_code_of_production() -> None:
    executed: set[CodeType] = set()

    def note(frame: FrameType, _event: str, _argument: Any) -> None:
        executed.add(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for seed in range(20):
            tried(drawn(seed), Uniform(seed))
    finally:
        sys.setprofile(before)
    missing = [f.__qualname__ for f in PRODUCTION if f.__code__ not in executed]
    assert [] == missing
    files = [function.__code__.co_filename for function in PRODUCTION]
    assert all("/weft/" in file and "/testing/" not in file for file in files)


# Seeds and plans that found a defect, each kept as what is left of it.


def plan(*acts: tuple[int, Act]) -> Plan:
    return acts


def test_a_run_of_a_former_life_is_not_said_to_be_taken_over() -> None:
    """Its record went with the thread: who asks again heard "interrupted" for ever."""
    case, wrong = tried(
        plan(
            (0, Act("create", "c", "a", thread="t1", name="x")),
            (0, Act("run", "r", thread="t1", mode="plain")),
            (0, Act("remove", "d", thread="t1")),
            (0, Act("create", "n", "b", thread="t1", name="x")),
            (0, Act("run", "r", thread="t1", mode="plain")),
        ),
        Uniform(0),
    )
    assert [] == wrong
    assert "ThreadNotFound" == type(case.answers[-1].error).__name__


def test_a_run_taken_over_after_its_last_state_answers_with_it() -> None:
    """A resumed generator that has nothing left to yield answered None."""
    acts = plan(
        (0, Act("create", "c", "a", thread="t1", name="x")),
        (0, Act("run", "r", thread="t1", mode="steps")),
    )
    for seed in range(200):
        case, wrong = tried(acts, Uniform(seed))
        assert [] == wrong
        assert 2 == case.answers[-1].value["step"], seed


async def fetch(_context: ExecutionContext, config: Any) -> Any:
    return config


async def follow(_context: ExecutionContext, config: Any) -> Any:
    yield config


@pytest.mark.parametrize("function", [fetch, follow])
def test_an_asynchronous_workflow_is_refused_and_not_called(function: Any) -> None:
    with Simulation(seed=1, workflows={"wait": function}) as simulation:
        alice = simulation.session("alice")
        thread = simulation.result(alice.create_thread("notes", workflow="wait"))
        with pytest.raises(WorkflowExecutionError, match="has no event loop"):
            simulation.result(thread.run())
