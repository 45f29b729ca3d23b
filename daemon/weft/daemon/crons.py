"""Crons: runs that are started at due times, as they are kept.

A cron is two items of the key-value store: what was asked for, which only requests
write, and how far its due times are done, which only the loop writes. So neither can
undo what the other has written.

Guarantees: what is to be done at a moment is a pure function of both.
"""

import asyncio
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from weft.actors import Coordinator
from weft.daemon.cron_schedule import Schedule
from weft.storage import Item

__all__ = ["CRONS_MAX", "Cron", "Crons", "Kept", "Progress", "Verdict"]

CRONS: Final = ("__weft__", "crons")
PROGRESS: Final = (*CRONS, "progress")

CRONS_MAX: Final = 10_000
"""Of one store: reading them all takes half a second, every half minute."""

PAGE: Final = 1000
"""Items that are read at once: some 5 ms."""


class Cron(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for.

    Attributes:
        cron_id: its name.
        payload: the request, whole.
        workflow: what its runs execute.
        own_id: the assistant that they are of, if somebody has created it.
        schedule: five fields.
        timezone: in which they are read; None for UTC.
        thread_id: where its runs are; None for a thread each.
        owner: whose it is; None for nobody's.
        enabled: whether it is to start runs.
        end_us: after which it starts none; None for never. All times in microseconds
            since the Unix epoch.
        from_us: after which its due times count.
        created_at_us: when it was created.
        updated_at_us: when it was last changed.
    """

    cron_id: str
    payload: dict[str, Any]
    workflow: str
    own_id: str | None = None
    schedule: str
    timezone: str | None = None
    thread_id: str | None = None
    owner: str | None = None
    enabled: bool = True
    end_us: int | None = None
    from_us: int
    created_at_us: int
    updated_at_us: int


class Progress(msgspec.Struct, frozen=True):
    """How far the due times of a cron are done.

    Attributes:
        done_us: up to which.
        error: why the last one that was due has no run; None if it has.
    """

    done_us: int = 0
    error: str | None = None


class Verdict(NamedTuple):
    """What is to be done with a cron at a moment.

    Attributes:
        due_us: for which time a run is to be started; None for none.
        skips: whether due times are passed over.
    """

    due_us: int | None
    skips: bool


class Kept(NamedTuple):
    """A cron, and how far it is."""

    cron: Cron
    progress: Progress = Progress()

    @property
    def next_us(self) -> int | None:
        """The first due time that is not done, None for none."""
        cron = self.cron
        if not cron.enabled:
            return None
        next_us = _next_after(cron.schedule, cron.timezone, self._begin_us)
        ended = next_us is None or (cron.end_us is not None and next_us > cron.end_us)
        return None if ended else next_us

    def judge(self, now_us: int, grace_us: int) -> Verdict:
        """Return what is to be done now.

        Of the times that are due the last one counts, if it is not older than the
        grace; those before it are passed over.

        Args:
            now_us: the time.
            grace_us: how late a run may be started.
        """
        first_us = self.next_us
        if first_us is None or first_us > now_us:
            return Verdict(None, skips=False)
        end_us = self.cron.end_us
        last_us = self._schedule.last_within(
            max(self._begin_us, now_us - grace_us - 1),
            now_us if end_us is None else min(now_us, end_us),
        )
        return Verdict(last_us, skips=last_us != first_us)

    @property
    def _schedule(self) -> Schedule:
        return Schedule(self.cron.schedule, self.cron.timezone)

    @property
    def _begin_us(self) -> int:
        return max(self.cron.from_us, self.progress.done_us)


class Crons:
    """The crons of a store.

    Args:
        coordinator: of its runtime.
    """

    __slots__ = ("_coordinator",)

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator

    async def get(self, cron_id: str) -> Kept | None:
        """Return a cron, None where there is none."""
        cron = await self._coordinator.item(CRONS, cron_id)
        if cron is None:
            return None
        progress = await self._coordinator.item(PROGRESS, cron_id)
        return _kept(cron, progress)

    async def all(self) -> list[Kept]:
        """Return all crons."""
        return await asyncio.to_thread(self._all)

    async def is_full(self) -> bool:
        """Whether there are as many as there may be."""
        return await asyncio.to_thread(self._is_full)

    async def put(self, cron: Cron, **change: Any) -> None:
        """Write what was asked for.

        Args:
            cron: all of it.
            change: ``op_id`` and ``timeout_s``, of the operation.
        """
        value = msgspec.to_builtins(cron)
        await self._coordinator.put_item(CRONS, cron.cron_id, value, **change)

    async def advance(self, cron_id: str, progress: Progress) -> None:
        """Write how far a cron is."""
        value = msgspec.to_builtins(progress)
        await self._coordinator.put_item(PROGRESS, cron_id, value)

    async def remove(self, cron_id: str) -> None:
        """Forget a cron."""
        await self._coordinator.remove_item(CRONS, cron_id)
        await self._coordinator.remove_item(PROGRESS, cron_id)

    def _is_full(self) -> bool:
        # A namespace's own items come before those of the ones below it.
        search = self._coordinator.search_items
        last = search(CRONS, limit=1, offset=CRONS_MAX - 1).get()
        return bool(last) and last[0].namespace == CRONS

    def _all(self) -> list[Kept]:
        found = self._items()
        progress = {one.key: one for one in found if one.namespace == PROGRESS}
        return [
            _kept(one, progress.get(one.key)) for one in found if one.namespace == CRONS
        ]

    def _items(self) -> list[Item]:
        search = self._coordinator.search_items
        found: list[Item] = []
        while True:
            page = search(CRONS, limit=PAGE, offset=len(found)).get()
            found += page
            if len(page) < PAGE:
                return found


@lru_cache(maxsize=2 * CRONS_MAX)
def _next_after(schedule: str, timezone: str | None, moment_us: int) -> int | None:
    """Return what is found in 100 us, and asked for again at each look at all crons."""
    return Schedule(schedule, timezone).next_after(moment_us)


def _kept(cron: Item, progress: Item | None) -> Kept:
    done = Progress() if progress is None else msgspec.convert(progress.value, Progress)
    return Kept(msgspec.convert(cron.value, Cron), done)
