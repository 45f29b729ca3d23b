"""A store with crons, virtual time, and loops that die in any place."""

import asyncio
from typing import Any, Final

from weft.actors import Coordinator, Runtime
from weft.daemon.cron_counting import CronCounter
from weft.daemon.cron_loop import CronLoop
from weft.daemon.crons import Cron, Crons, Kept, Progress

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
START_US: Final = 1_780_315_200_000_000
"""A noon in 2026."""

WAIT_S: Final = 20.0


class Died(BaseException):
    """The process of a loop is no more."""


class Fuse:
    """Lets a number of steps pass; after that there is nobody to do any.

    Args:
        steps: how many; None for all.
    """

    def __init__(self, steps: int | None = None) -> None:
        self.steps = steps

    def pass_one(self) -> None:
        """Take a step."""
        if self.steps is not None:
            if self.steps == 0:
                raise Died
            self.steps -= 1


class MortalCrons(Crons):
    """Crons of a process that may die before and after anything it does.

    Args:
        coordinator: of the store, which lives on.
        fuse: its life.
    """

    def __init__(self, coordinator: Coordinator, fuse: Fuse) -> None:
        super().__init__(coordinator)
        self.fuse = fuse

    async def get(self, cron_id: str) -> Kept | None:
        self.fuse.pass_one()
        return await super().get(cron_id)

    async def all(self) -> list[Kept]:
        self.fuse.pass_one()
        return await super().all()

    async def advance(self, cron_id: str, progress: Progress) -> None:
        self.fuse.pass_one()
        await super().advance(cron_id, progress)
        self.fuse.pass_one()


class World:
    """A runtime, the time, and what loops have done.

    Args:
        runtime: with the workflow ``note``.

    Attributes:
        now_us: the time.
        counter: of all loops.
        refusal: what a start raises; None to have runs started.
        started: whether any was.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.now_us = START_US
        self.counter = CronCounter()
        self.refusal: Exception | None = None
        self.started = asyncio.Event()

    @property
    def crons(self) -> Crons:
        """Its crons."""
        return Crons(self.runtime.coordinator)

    def loop(self, fuse: Fuse | None = None, **options: Any) -> CronLoop:
        """Return a loop of a new process."""
        life = Fuse() if fuse is None else fuse

        async def start(cron: Cron, op_id: str) -> None:
            life.pass_one()
            if self.refusal is not None:
                raise self.refusal
            await self.runtime.coordinator.start_run(
                {}, thread_id=cron.thread_id, metadata={"key": op_id}, op_id=op_id
            )
            self.started.set()
            life.pass_one()

        return CronLoop(
            MortalCrons(self.runtime.coordinator, life),
            start,
            self.counter,
            clock_us=lambda: self.now_us,
            **options,
        )

    async def plan(self, cron_id: str, schedule: str, **fields: Any) -> Cron:
        """Keep a cron on a thread of its own."""
        session = self.runtime.session("crons")
        thread = await session.create_thread(cron_id, workflow="note")
        cron = Cron(
            cron_id=cron_id,
            payload={"assistant_id": "note", "schedule": schedule},
            workflow="note",
            schedule=schedule,
            thread_id=thread.thread_id,
            from_us=self.now_us,
            created_at_us=self.now_us,
            updated_at_us=self.now_us,
            **fields,
        )
        await self.crons.put(cron)
        return cron

    async def keys(self, cron: Cron) -> list[str]:
        """Return the keys of a cron's runs, oldest first."""
        assert cron.thread_id is not None
        runs = await self.runtime.coordinator.list_runs(cron.thread_id, limit=1000)
        return [run.metadata["key"] for run in reversed(runs)]

    def times(self) -> dict[str, int]:
        """Return how many due times came to what."""
        return dict(self.counter.cron_statistics().times)

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.now_us += round(seconds * SECOND_US)


def note(_context: Any, _config: Any) -> str:
    """Do nothing, as a workflow."""
    return "noted"
