"""The loop of crons: each due time once, whatever dies and however often."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.daemon.cron_world import (
    MINUTE_US,
    SECOND_US,
    START_US,
    WAIT_S,
    Died,
    Fuse,
    World,
    note,
)
from weft.actors import Runtime
from weft.daemon.cron_loop import GRACE_S, key_of
from weft.daemon.cron_schedule import Schedule
from weft.daemon.crons import Cron
from weft.daemon.http.problems import RequestFault
from weft.storage import MemoryStore, Overloaded, ThreadBusy

GRACE_US = round(GRACE_S * SECOND_US)

Scenario = Callable[[World], Coroutine[Any, Any, None]]


def live(scenario: Scenario) -> None:
    """Let a scenario happen in a world of its own."""
    with Runtime.open(store=MemoryStore(), workflows={"note": note}) as runtime:
        asyncio.run(asyncio.wait_for(scenario(World(runtime)), WAIT_S))


def test_a_run_is_started_when_it_is_due_and_not_before() -> None:
    async def scenario(world: World) -> None:
        cron = await world.plan("five", "*/5 * * * *")
        loop = world.loop()
        assert 30 == await loop.step()  # it looks for changes meanwhile
        world.pass_s(299)
        assert 1 == await loop.step()
        assert [] == await world.keys(cron)
        world.pass_s(2)
        await loop.step()
        assert ["cron/five/2026-06-01T12:05Z"] == await world.keys(cron)
        await loop.step()
        assert {"fired": 1} == world.times()
        lag = world.counter.cron_statistics().lag_ns
        assert 1_000_000_000 == lag.total

    live(scenario)


def test_of_missed_times_the_last_is_made_up_for_within_the_grace() -> None:
    async def scenario(world: World) -> None:
        cron = await world.plan("minutely", "* * * * *")
        world.pass_s(10 * 60 + 40)
        await world.loop().step()
        assert ["cron/minutely/2026-06-01T12:10Z"] == await world.keys(cron)
        assert {"fired": 1, "skipped": 1} == world.times()

    live(scenario)


def test_what_was_missed_for_longer_than_the_grace_is_passed_over() -> None:
    async def scenario(world: World) -> None:
        cron = await world.plan("hourly", "0 * * * *")
        world.pass_s(3600 + GRACE_S + 1)
        loop = world.loop()
        await loop.step()
        assert [] == await world.keys(cron)
        assert {"skipped": 1} == world.times()
        kept = await world.crons.get("hourly")
        assert kept is not None
        assert "nothing could be started" in (kept.progress.error or "")
        world.pass_s(3600 - GRACE_S)
        await loop.step()
        assert ["cron/hourly/2026-06-01T14:00Z"] == await world.keys(cron)
        assert {"skipped": 1, "fired": 1} == world.times()

    live(scenario)


@pytest.mark.parametrize(("late_s", "runs"), [(100, 1), (102, 0)])
def test_the_grace_is_as_long_as_it_is_set(late_s: int, runs: int) -> None:
    async def scenario(world: World) -> None:
        cron = await world.plan("hourly", "0 * * * *")
        world.pass_s(3600 + late_s)
        await world.loop(grace_s=101).step()
        assert runs == len(await world.keys(cron))

    live(scenario)


def test_two_loops_at_once_start_one_run() -> None:
    async def scenario(world: World) -> None:
        crons = [await world.plan(f"c{n}", "* * * * *") for n in range(5)]
        world.pass_s(60)
        await asyncio.gather(*(world.loop().step() for _ in range(3)))
        for cron in crons:
            assert [key_of(cron.cron_id, world.now_us)] == await world.keys(cron)

    live(scenario)


def test_what_fails_for_now_is_tried_again_and_what_is_refused_waits() -> None:
    async def scenario(world: World) -> None:
        cron = await world.plan("hourly", "0 * * * *")
        loop = world.loop()
        world.pass_s(3600)
        for passing in (
            Overloaded("Too much to do."),
            RequestFault(503, "The webhook could not be written down."),
        ):
            world.refusal = passing
            assert 1 == await loop.step()
            assert {} == world.times()
            world.pass_s(1)
        world.refusal = None
        await loop.step()
        assert ["cron/hourly/2026-06-01T13:00Z"] == await world.keys(cron)
        world.pass_s(3600)
        world.refusal = ThreadBusy("A run is before it.")
        await loop.step()
        assert {"fired": 1, "skipped": 1} == world.times()
        world.pass_s(3600)
        world.refusal = ValueError("not even an error of ours")
        await loop.step()
        assert {"fired": 1, "skipped": 1, "failed": 1} == world.times()
        kept = await world.crons.get("hourly")
        assert kept is not None
        assert "ValueError: a defect; see the log" == kept.progress.error

    live(scenario)


def test_times_that_were_missed_count_once_however_often_the_last_is_tried() -> None:
    async def scenario(world: World) -> None:
        await world.plan("minutely", "* * * * *")
        loop = world.loop()
        world.pass_s(180)
        world.refusal = Overloaded("Too much to do.")
        for _ in range(3):
            await loop.step()
            world.pass_s(1)
        assert {} == world.times()
        world.refusal = None
        await loop.step()
        assert {"fired": 1, "skipped": 1} == world.times()

    live(scenario)


def test_a_cron_ends_with_its_thread() -> None:
    async def scenario(world: World) -> None:
        cron = await world.plan("minutely", "* * * * *")
        await world.runtime.coordinator.remove_thread(cron.thread_id or "")
        loop = world.loop()
        world.pass_s(60)
        await loop.step()
        assert [] == await world.crons.all()
        assert {"failed": 1} == world.times()
        world.pass_s(60)
        await loop.step()
        assert {"failed": 1} == world.times()

    live(scenario)


def test_a_cron_starts_nothing_after_its_end_or_while_it_is_disabled() -> None:
    async def scenario(world: World) -> None:
        end_us = START_US + 2 * MINUTE_US
        ending = await world.plan("ending", "* * * * *", end_us=end_us)
        disabled = await world.plan("disabled", "* * * * *", enabled=False)
        loop = world.loop()
        for _ in range(8):
            world.pass_s(30)
            await loop.step()
        assert 2 == len(await world.keys(ending))
        assert [] == await world.keys(disabled)

    live(scenario)


def test_a_loop_that_runs_is_told_of_changes_and_ends_when_it_is_told_to() -> None:
    async def scenario(world: World) -> None:
        loop, tasks = world.loop(), asyncio.all_tasks()
        loop.begin()
        cron = await world.plan("late", "* * * * *")
        world.pass_s(60)
        loop.changed("late")
        await world.started.wait()
        loop.end()
        await asyncio.wait(asyncio.all_tasks() - tasks)
        assert 1 == len(await world.keys(cron))

    live(scenario)


def test_a_loop_ends_with_its_store(tmp_path: Path) -> None:
    runtime = Runtime.open(tmp_path)
    loop = World(runtime).loop()
    runtime.close()

    async def ended() -> bool:
        await asyncio.wait_for(loop.run(), WAIT_S)
        return True

    assert asyncio.run(ended())


SCHEDULES = st.sampled_from(
    ["* * * * *", "*/2 * * * *", "1,2,5 * * * *", "0 12,13 * * *", "*/3 12 1 6 *"]
)
ROUNDS = st.lists(
    st.tuples(
        st.integers(1, 40),  # seconds that pass
        st.lists(st.one_of(st.none(), st.integers(0, 12)), min_size=1, max_size=2),
    ),
    min_size=5,
    max_size=25,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SCHEDULES, min_size=1, max_size=3), ROUNDS)
def test_whatever_dies_wherever_each_due_time_has_one_run(
    schedules: list[str], rounds: list[tuple[int, list[int | None]]]
) -> None:
    async def scenario(world: World) -> None:
        crons = [await world.plan(f"c{n}", s) for n, s in enumerate(schedules)]
        looked_us: list[int] = []
        loops = [world.loop(), world.loop()]
        for seconds, lives in rounds:
            world.pass_s(seconds)
            for at, steps in enumerate(lives):
                if steps is not None:  # this one is born, and dies on the way
                    loops[at] = world.loop(Fuse(steps))
            ends = await asyncio.gather(
                *(loop.step() for loop in loops), return_exceptions=True
            )
            for at, end in enumerate(ends):
                if isinstance(end, Died):
                    loops[at] = world.loop()
                else:
                    assert isinstance(end, float), end
                    looked_us.append(world.now_us)
        for cron in crons:
            _judge(cron, await world.keys(cron), looked_us, world.now_us)

    live(scenario)


def _judge(cron: Cron, keys: list[str], looked_us: list[int], now_us: int) -> None:
    schedule = Schedule(cron.schedule)
    due, at_us = [], schedule.next_after(cron.from_us)
    while at_us is not None and at_us <= now_us:
        due.append(at_us)
        at_us = schedule.next_after(at_us)
    assert len(set(keys)) == len(keys), "one run for a due time, never two"
    assert set(keys) <= {key_of(cron.cron_id, each) for each in due}
    seen = {
        max(each for each in due if each <= look_us)
        for look_us in looked_us
        if any(look_us - GRACE_US <= each <= look_us for each in due)
    }
    assert {key_of(cron.cron_id, each) for each in seen} <= set(keys)
