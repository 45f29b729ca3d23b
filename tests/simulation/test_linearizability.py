"""The checker itself, and what it says of simulated and of real histories."""

import threading
import time
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from tests.simulation.hunt import tried
from tests.simulation.plan import drawn
from tests.simulation.threads import OWNERSHIP, history_of, recorded
from weft.actors import Runtime
from weft.actors.testing import Call, Model, Uniform, linearizable, unlinearizable
from weft.storage import MemoryStore


def register(state: int, call: Call) -> list[int]:
    """A register: ("write", n) answers None, ("read",) answers what was written."""
    if call.request[0] == "write":
        return [call.request[1]]
    never = call.answered == float("inf")
    return [state] if never or call.answer == state else []


REGISTER: Model[int] = Model(0, register)


def write(value: int, called: float, answered: float = float("inf")) -> Call:
    return Call("r", ("write", value), None, called, answered)


def read(value: int, called: float, answered: float) -> Call:
    return Call("r", ("read",), value, called, answered)


def test_calls_one_after_the_other_are_linearizable() -> None:
    assert linearizable([write(1, 0, 1), read(1, 2, 3), write(2, 4, 5)], REGISTER)


def test_an_empty_history_is_linearizable() -> None:
    assert linearizable([], REGISTER)


def test_a_read_beside_a_write_may_see_either_value() -> None:
    for seen in (0, 1):
        assert linearizable([write(1, 0, 9), read(seen, 1, 2)], REGISTER)


def test_a_read_after_an_answered_write_must_see_it() -> None:
    assert not linearizable([write(1, 0, 1), read(0, 2, 3)], REGISTER)


def test_a_value_cannot_come_and_go() -> None:
    calls = [write(1, 0, 9), read(1, 1, 2), read(0, 3, 4)]
    assert not linearizable(calls, REGISTER)


def test_two_readers_must_agree_on_the_order_of_two_writes() -> None:
    writes = [write(1, 0, 99), write(2, 0, 99)]
    one = [read(1, 1, 2), read(2, 3, 4)]
    assert linearizable([*writes, *one], REGISTER)
    assert not linearizable([*writes, *one, read(1, 5, 6)], REGISTER)


def test_a_write_without_an_answer_may_have_happened_or_not() -> None:
    assert linearizable([write(1, 0), read(0, 1, 2), read(1, 3, 4)], REGISTER)
    assert linearizable([write(1, 0), read(0, 1, 2)], REGISTER)
    assert not linearizable([write(1, 5), read(1, 1, 2)], REGISTER)


def test_a_history_is_judged_object_by_object() -> None:
    good = Call("good", ("read",), 0, 0, 1)
    bad = Call("bad", ("read",), 7, 0, 1)
    assert [[bad]] == unlinearizable([good, bad], REGISTER)


def test_random_histories_of_a_real_register_are_linearizable() -> None:
    random = Random(1)
    for _ in range(200):
        state, calls = 0, []
        for moment in range(8):  # each takes effect at a moment, within its call
            began, ended = moment - random.random() * 3, moment + random.random() * 3
            if random.random() < 0.5:
                state = random.randrange(3)
                calls.append(write(state, began, ended))
            else:
                calls.append(read(state, began, ended))
        assert linearizable(calls, REGISTER)


# Threads: who owns one, under which name, at which rev


def moved(to: str, rev: int, called: float, answered: float) -> Call:
    answer = ("ok", (to, "x", rev))
    return Call("t", ("transfer", None, to, None), answer, called, answered)


def made(called: float, answered: float) -> Call:
    return Call("t", ("create", "a", "x"), ("ok", ("a", "x", 1)), called, answered)


def test_a_thread_that_moves_twice_has_two_more_revisions() -> None:
    calls = [made(0, 1), moved("b", 2, 2, 3), moved("c", 3, 4, 5)]
    assert [] == unlinearizable(calls, OWNERSHIP)


def test_a_transfer_that_took_effect_twice_is_found() -> None:
    calls = [made(0, 1), moved("b", 2, 2, 3), moved("c", 4, 4, 5)]
    assert [calls] == unlinearizable(calls, OWNERSHIP)


def test_a_change_that_was_acknowledged_and_is_not_seen_is_found() -> None:
    stale = Call("t", ("read",), ("ok", ("a", "x", 1)), 4, 5)
    calls = [made(0, 1), moved("b", 2, 2, 3), stale]
    assert [calls] == unlinearizable(calls, OWNERSHIP)


def test_a_refusal_of_what_could_be_done_is_found() -> None:
    refused = Call("t", ("transfer", "a", "b", None), ("ThreadNotFound", None), 2, 3)
    assert [[made(0, 1), refused]] == unlinearizable([made(0, 1), refused], OWNERSHIP)


def test_simulated_histories_are_linearizable() -> None:
    calls = 0
    for seed in range(300):
        case, _ = tried(drawn(seed), Uniform(seed))
        history = history_of(case)
        calls += len(history)
        assert [] == unlinearizable(history, OWNERSHIP), seed
    assert 1000 < calls


OS_THREADS = 8
CALLS_EACH = 60
LONG_S = 30.0


def test_a_history_of_eight_os_threads_is_linearizable() -> None:
    history: list[Call] = []
    with Runtime.open(store=MemoryStore()) as runtime:
        for session in "abc":
            runtime.session(session).open().get(timeout=LONG_S)
        history += [
            recorded(runtime, f"t{number}", ("create", "a", f"n{number}"))
            for number in range(4)
        ]
        run_at_once(
            [partial(_call_often, runtime, seed, history) for seed in range(OS_THREADS)]
        )
    assert 4 + OS_THREADS * CALLS_EACH == len(history)
    assert [] == unlinearizable(history, OWNERSHIP)


def _call_often(runtime: Runtime, seed: int, history: list[Call]) -> None:
    random = Random(seed)
    for number in range(CALLS_EACH):
        thread = f"t{random.randrange(4)}"
        owner = random.choice([None, *"abc"])
        requests: list[tuple[Any, ...]] = [
            ("transfer", owner, random.choice("abc"), None),
            ("transfer", None, random.choice("abc"), f"{thread}-{seed}-{number}"),
            ("rename", owner, f"{thread}-{seed}-{number}"),
            ("read",),
        ]
        history.append(recorded(runtime, thread, random.choice(requests)))


def run_at_once(functions: list[Callable[[], object]]) -> None:
    """Run functions at once, each on its own OS thread."""
    barrier = threading.Barrier(len(functions), timeout=LONG_S)

    def run(function: Callable[[], object]) -> None:
        barrier.wait()
        function()

    os_threads = [threading.Thread(target=run, args=(f,)) for f in functions]
    for os_thread in os_threads:
        os_thread.start()
    deadline_s = time.monotonic() + LONG_S
    for os_thread in os_threads:
        os_thread.join(deadline_s - time.monotonic())
        assert not os_thread.is_alive()
