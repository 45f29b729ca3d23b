"""The keeper: it forgets in small steps, beside everything else, and by itself."""

import threading
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from tests.actors.conftest import Open
from tests.actors.support import LONG_S, FailingStore, GatedStore, answer, failure
from weft.actors import Runtime
from weft.actors.messages import Sweep
from weft.actors.retention import LOG_ENTRIES_MAX, STEP_ENTRIES, Forget
from weft.storage import MemoryStore, StoreClosed, StoreReadOnly
from weft.storage.operations import Expire
from weft.storage.retention import History, Retention

KEEP_ALL = Retention(
    operations_s=None, operations_max=None, tombstones_s=None, associations_s=None
)
NOW = Retention(tombstones_s=0.0, associations_s=0.0, history=History(keep=1))
QUICK = replace(KEEP_ALL, entries_per_s=1e9, interval_s=0.0)


def fill(runtime: Runtime, threads: int, states: int) -> None:
    """Make threads with states in session a."""
    specs = [{"name": f"n{n}", "thread_id": f"t{n}"} for n in range(threads)]
    answer(runtime.coordinator.create_session("a"))
    answer(runtime.coordinator.coordinate_threads("a", specs))
    made = [
        runtime.coordinator.append_state(f"t{n}", step)
        for n in range(threads)
        for step in range(states)
    ]
    for future in made:
        answer(future)


def until(runtime: Runtime, reached: Callable[[], bool]) -> None:
    """Wait until something is so, looking whenever the keeper has taken a step."""
    stepped = threading.Event()
    keeper = runtime._keeper.actor_ref

    def see(cell: Any, _message: Any) -> None:
        if cell is keeper:
            stepped.set()

    runtime._dispatcher.trace = see
    keeper.tell(Sweep())  # and not in a second
    while not reached():
        assert stepped.wait(LONG_S)
        stepped.clear()


def states(runtime: Runtime) -> int:
    return runtime.statistics().store.counters.states


def test_histories_are_trimmed_by_themselves(open_runtime: Open) -> None:
    runtime = open_runtime(retention=replace(QUICK, history=History(keep=2)))
    fill(runtime, 3, 5)
    until(runtime, lambda: states(runtime) == 6)
    until(runtime, lambda: runtime.statistics().retention.forgotten["states"] == 9)
    assert runtime.check().clean


def test_the_log_is_kept_within_its_limit(open_runtime: Open) -> None:
    runtime = open_runtime(retention=Retention(operations_max=5))
    fill(runtime, 1, 50)
    until(runtime, lambda: runtime.statistics().store.engine.entries["L"] <= 7)
    assert runtime.check().clean


def test_a_thread_whose_time_is_over_is_removed_and_its_session_told(
    open_runtime: Open,
) -> None:
    runtime = open_runtime(retention=QUICK)
    own = {"retention": {"strategy": "delete", "ttl_s": 0}}
    session = runtime.session("a")
    answer(session.create_thread("gone", config=own))
    answer(session.create_thread("kept"))
    until(runtime, lambda: runtime.statistics().retention.forgotten["threads"] == 1)
    threads = answer(runtime.coordinator.list_threads("a"))
    assert ["kept"] == [thread.thread_name for thread in threads]
    answer(session.create_thread("gone"))  # the session's own view has let it go, too


def test_a_round_takes_small_steps(open_runtime: Open, gated: GatedStore) -> None:
    runtime = open_runtime(store=gated, retention=KEEP_ALL)
    fill(runtime, 40, 20)
    answer(runtime.retain(Forget(NOW)))
    taken = [
        operation
        for group in gated.groups
        for operation in group
        if isinstance(operation, Expire)
    ]
    assert len(taken) >= 3
    for operation in taken:
        count = sum(last - first + 1 for _, first, last in operation.states)
        assert count <= STEP_ENTRIES
        assert len(operation.log) <= LOG_ENTRIES_MAX
    assert 40 == states(runtime)


def test_one_step_is_in_flight_and_others_work_beside_it(
    open_runtime: Open, gated: GatedStore
) -> None:
    runtime = open_runtime(store=gated, retention=KEEP_ALL)
    fill(runtime, 2, 5)
    with gated.shut(runtime):
        asked = [runtime.retain(Forget(NOW)) for _ in range(3)]
        more = runtime.coordinator.append_state("t0", 9)
    answer(more)
    # Nine of eleven in all: the one that came meanwhile makes one more superfluous.
    assert 9 == sum(answer(future)["states"] for future in asked)
    assert runtime.check().clean


def test_a_step_that_could_not_be_written_is_taken_again(
    open_runtime: Open, failing: FailingStore
) -> None:
    runtime = open_runtime(store=failing, retention=KEEP_ALL)
    fill(runtime, 1, 5)
    failing.error = StoreReadOnly("no room")
    asked = runtime.retain(Forget(NOW))
    assert failing.failed.wait(LONG_S)
    failing.error = None
    until(runtime, asked.done)
    assert 4 == answer(asked)["states"]
    assert runtime.statistics().retention.failures >= 1


def test_who_asks_does_not_wait_for_the_keepers_own_round(open_runtime: Open) -> None:
    # Its own round takes five steps, a second each.
    policy = replace(KEEP_ALL, entries_per_s=250.0, interval_s=0.0)
    runtime = open_runtime(retention=policy)
    fill(runtime, 600, 1)
    until(runtime, lambda: len(runtime._keeper._rounds) == 1)
    finished = runtime.statistics().retention.rounds
    asked = runtime.retain(Forget(NOW, "t3"))
    until(runtime, lambda: asked.done() or len(runtime._keeper._rounds) == 2)
    assert 0 == answer(asked)["states"]
    assert finished == runtime.statistics().retention.rounds


def test_what_keeps_everything_submits_nothing(
    open_runtime: Open, gated: GatedStore
) -> None:
    runtime = open_runtime(store=gated, retention=KEEP_ALL)
    fill(runtime, 1, 3)
    assert 0 == sum(answer(runtime.retain(Forget(KEEP_ALL))).values())
    kinds = {type(operation) for group in gated.groups for operation in group}
    assert Expire not in kinds


def test_who_waits_for_a_round_is_answered_when_the_runtime_closes(
    open_runtime: Open,
) -> None:
    runtime = open_runtime(retention=Retention(entries_per_s=1e-3))
    fill(runtime, 300, 1)
    asked = [runtime.retain(Forget(NOW)) for _ in range(2)]
    runtime.close()
    for future in asked:
        assert isinstance(failure(future), StoreClosed)
    assert isinstance(failure(runtime.retain(Forget(NOW))), StoreClosed)


def test_a_step_whose_answer_was_lost_is_begun_again(open_runtime: Open) -> None:
    runtime = open_runtime(store=MemoryStore(), retention=KEEP_ALL)
    fill(runtime, 1, 4)
    keeper = runtime._keeper
    keeper._busy_since_ns = 1  # long ago, and nobody will answer
    asked = runtime.retain(Forget(NOW))
    until(runtime, asked.done)
    assert 3 == answer(asked)["states"]
