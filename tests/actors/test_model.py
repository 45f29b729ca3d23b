"""The coordinator against the model: random calls, the same answers, the same store."""

import asyncio
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.actors.conftest import Open
from tests.actors.maker import Maker
from tests.actors.model import Answer, Model, Step
from tests.actors.model_calls import ask, in_words
from tests.actors.model_seen import seen
from tests.actors.model_workflows import WORKFLOWS
from tests.actors.support import LONG_S
from weft.actors import Coordinator, Runtime
from weft.storage import LmdbStore

SEEDS = 20
OPERATIONS = 500
TASKS = 5
"""Clients at once, in three seeds of four; each has sessions and threads of its own."""


def told(coordinator: Coordinator, step: Step) -> Answer:
    try:
        return "ok", ask(coordinator, step).get(timeout=LONG_S)
    except Exception as error:  # noqa: BLE001 - judged there
        return in_words(error)


async def told_later(coordinator: Coordinator, step: Step) -> Answer:
    try:
        async with asyncio.timeout(LONG_S):
            return "ok", await ask(coordinator, step)
    except Exception as error:  # noqa: BLE001 - judged there
        return in_words(error)


def image(runtime: Runtime, prefix: str = "") -> dict[str, Any]:
    with runtime.store.read() as snapshot:
        return seen(snapshot, prefix)


def alone(path: Path, seed: int, open_runtime: Open) -> int:
    """Run one client, with a reopening on half its way; return how much it did."""
    model, maker = Model(), Maker(Random(seed))
    for half in range(2):
        # Unsynced: one client alone would wait 2 ms for the disk at every call.
        store = LmdbStore(path, sync=False)
        runtime = open_runtime(store=store, workflows=WORKFLOWS)
        for number in range(OPERATIONS // 2):
            step = maker.step(model)
            expected = model.apply(step)
            assert expected == told(runtime.coordinator, step), (seed, number, step)
            if number % 25 == 0:
                assert model.image() == image(runtime), (seed, number, step)
        assert model.image() == image(runtime), (seed, half)
        assert runtime.check().clean
        runtime.close()
    return OPERATIONS


async def client(runtime: Runtime, seed: int, number: int) -> int:
    prefix = f"{number}-"
    model, maker = Model(), Maker(Random(f"{seed}/{number}"), prefix)
    for count in range(OPERATIONS // TASKS):
        step = maker.step(model)
        expected = model.apply(step)
        assert expected == await told_later(runtime.coordinator, step), (seed, step)
        if count % 25 == 0:
            assert model.image() == image(runtime, prefix), (seed, count, step)
    assert model.image() == image(runtime, prefix), seed
    return OPERATIONS // TASKS


def together(path: Path, seed: int, open_runtime: Open) -> int:
    """Run several clients at once; return how much they did."""
    runtime = open_runtime(path, workflows=WORKFLOWS)

    async def main() -> list[int]:
        return await asyncio.gather(
            *(client(runtime, seed, number) for number in range(TASKS))
        )

    done = sum(asyncio.run(main()))
    assert runtime.check().clean
    runtime.close()
    return done


@pytest.mark.timeout(120)
def test_10_000_random_calls_answer_and_leave_what_the_model_says(
    tmp_path: Path, open_runtime: Open
) -> None:
    done = 0
    for seed in range(SEEDS):
        run = together if seed % 4 else alone
        done += run(tmp_path / str(seed), seed, open_runtime)
    assert 10_000 == done


# The same model, driven and shrunk by Hypothesis

sessions = st.sampled_from(["s-1", "s-2", "s-3"])
names = st.sampled_from(["a", "b"])
threads = st.sampled_from(["t-1", "t-2", "t-3"])
one_or_two = st.lists(st.tuples(names, threads), min_size=1, max_size=2).map(tuple)
parts = st.one_of(
    st.tuples(
        st.just("create_session"),
        st.just(""),
        st.tuples(sessions, st.just("u"), st.sampled_from(["raise", "open"])),
    ),
    st.tuples(st.just("create"), st.just(""), st.tuples(sessions, one_or_two)),
    st.tuples(st.just("remove"), st.just(""), st.tuples(sessions, names)),
    st.tuples(st.just("rename"), st.just(""), st.tuples(threads, names)),
    st.tuples(
        st.just("transfer"),
        st.just(""),
        st.tuples(threads, sessions, sessions, st.none() | names),
    ),
    st.tuples(
        st.just("close_session"),
        st.just(""),
        st.tuples(sessions, st.just("remove") | sessions),
    ),
).map(lambda given: Step(*given))


class CoordinatorMachine(RuleBasedStateMachine):
    """Calls a real coordinator and the model alike."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory(prefix="weft-model-")
        self._model = Model()
        self._steps: list[Step] = []
        self._runtime = self._open()

    def _open(self) -> Runtime:
        return Runtime.open(self._directory.name, workflows=WORKFLOWS)

    def _do(self, kind: str, *arguments: Any) -> None:
        op_id = f"op-{len(self._steps)}"
        if kind == "execute":
            arguments = (*arguments, op_id)
        self._steps.append(Step(kind, op_id, arguments))
        self._ask(self._steps[-1])

    def _ask(self, step: Step) -> None:
        assert self._model.apply(step) == told(self._runtime.coordinator, step)
        assert self._model.image() == image(self._runtime)

    @initialize()
    def begin(self) -> None:
        for session_id in ("s-1", "s-2"):
            self._do("create_session", session_id, "u", "raise")
        self._do("create", "s-1", (("a", "t-1"), ("b", "t-2")))

    @rule(session=sessions, exists=st.sampled_from(["raise", "open"]))
    def create_session(self, session: str, exists: str) -> None:
        self._do("create_session", session, "u", exists)

    @rule(session=sessions, to=st.just("remove") | sessions)
    def close_session(self, session: str, to: str) -> None:
        self._do("close_session", session, to)

    @rule(session=sessions, new=one_or_two)
    def create(self, session: str, new: Any) -> None:
        self._do("create", session, new)

    @rule(session=sessions, name=names)
    def remove(self, session: str, name: str) -> None:
        self._do("remove", session, name)

    @rule(thread=threads, source=sessions, to=sessions, name=st.none() | names)
    def transfer(self, thread: str, source: str, to: str, name: str | None) -> None:
        self._do("transfer", thread, source, to, name)

    @rule(thread=threads, name=names)
    def rename(self, thread: str, name: str) -> None:
        self._do("rename", thread, name)

    @rule(batch=st.lists(parts, min_size=1, max_size=3).map(tuple))
    def transact(self, batch: Any) -> None:
        self._do("transact", batch)

    @rule(session=sessions, name=names, flow=st.sampled_from(sorted(WORKFLOWS)))
    def execute(self, session: str, name: str, flow: str) -> None:
        self._do("execute", session, name, flow)

    @rule(session=sessions, content=st.integers(0, 9))
    def track(self, session: str, content: int) -> None:
        self._do("track", session, content)

    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        self._ask(data.draw(st.sampled_from(self._steps)))

    @rule()
    def reopen(self) -> None:
        self._runtime.close()
        self._runtime = self._open()

    def teardown(self) -> None:
        try:
            assert self._model.image() == image(self._runtime)
            assert self._runtime.check().clean
        finally:
            self._runtime.close()
            self._directory.cleanup()


CoordinatorMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestCoordinatorMachine = CoordinatorMachine.TestCase
