"""Crons as they are kept, and what is to be done with one at a moment."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from tests.daemon.cron_world import MINUTE_US, SECOND_US, START_US, World, note
from weft.actors import Runtime
from weft.daemon.crons import Cron, Kept, Progress, Verdict
from weft.storage import LmdbStore, MemoryStore

GRACE_US = MINUTE_US
NOON_US = START_US
NOTHING = Verdict(None, skips=False)

EVERY_FIVE = Cron(
    cron_id="c",
    payload={"assistant_id": "note"},
    workflow="note",
    schedule="*/5 * * * *",
    from_us=NOON_US,
    created_at_us=NOON_US,
    updated_at_us=NOON_US,
)


def judged(now_s: float, done_s: float = 0, **fields: Any) -> Verdict:
    """Judge a cron of every five minutes, some seconds after noon."""
    done = Progress(NOON_US + round(done_s * SECOND_US))
    kept = Kept(replace(EVERY_FIVE, **fields), done)
    return kept.judge(NOON_US + round(now_s * SECOND_US), GRACE_US)


def due(at_s: int, *, skips: bool = False) -> Verdict:
    return Verdict(NOON_US + at_s * SECOND_US, skips=skips)


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (judged(299.9), NOTHING),
        (judged(300), due(300)),
        (judged(300, done_s=300), NOTHING),
        (judged(360), due(300)),
        (judged(360.1), Verdict(None, skips=True)),
        (judged(600, done_s=300), due(600)),
        (judged(600), due(600, skips=True)),
        (judged(86_400 * 365 * 20), due(86_400 * 365 * 20, skips=True)),
        (judged(300, enabled=False), NOTHING),
        (judged(300, end_us=NOON_US + 299 * SECOND_US), NOTHING),
        (judged(330, end_us=NOON_US + 300 * SECOND_US), due(300)),
        (judged(600, from_us=NOON_US + 600 * SECOND_US), NOTHING),
    ],
)
def test_the_last_due_time_within_the_grace_counts(
    verdict: Verdict, expected: Verdict
) -> None:
    assert expected == verdict


@pytest.mark.parametrize("make", [MemoryStore, LmdbStore], ids=["memory", "lmdb"])
def test_what_is_kept_is_found_again(
    make: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.daemon.crons.PAGE", 2)

    async def scenario(world: World) -> None:
        kept = []
        for n in range(3):
            cron = await world.plan(f"c{n}", "@hourly", end_us=n, owner=f"u{n}")
            progress = Progress(n, "because" if n else None)
            await world.crons.advance(cron.cron_id, progress)
            kept.append(Kept(cron, progress))
        assert kept == await world.crons.all()
        assert kept[1] == await world.crons.get("c1")
        await world.crons.remove("c1")
        assert None is await world.crons.get("c1")
        assert [kept[0], kept[2]] == await world.crons.all()

    store = make() if make is MemoryStore else make(tmp_path)
    with Runtime.open(store=store, workflows={"note": note}) as runtime:
        asyncio.run(scenario(World(runtime)))
