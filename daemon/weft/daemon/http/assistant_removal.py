"""Removing an assistant, and what cannot go on without it.

Guarantees: the assistant goes last, so that a removal which was cut off can be asked
for again; its crons and its runs, those that whoever asks sees, have been stopped by
then. Threads are removed only if that is asked for.
"""

import asyncio
from typing import Any, Final

from weft.daemon.crons import Crons
from weft.daemon.http.assistant_journal import Journal, OwnAssistant
from weft.daemon.http.assistant_runs import ASSISTANT_ID
from weft.daemon.http.call import Call
from weft.daemon.http.crons import sees
from weft.daemon.http.run_cancelling import ManyRuns, cancel, named
from weft.daemon.http.run_requests import asked_of
from weft.daemon.http.thread_search import ThreadFilter, matching
from weft.storage import ThreadNotFound

__all__ = ["remove"]

TOGETHER_MAX: Final = 64
"""Threads that are removed at once: they share a commit, and leave room for others."""


async def remove(call: Call[Any, Any], own: OwnAssistant, *, threads: bool) -> None:
    """Remove an assistant with all its versions, and its crons; stop its runs.

    Args:
        call: who asks.
        own: the assistant; who asks sees it.
        threads: remove the threads that it was on, too.
    """
    own_id = own.assistant_id
    await _stop_runs(call, own_id)
    await _remove_crons(call, own_id)
    if threads:
        await _remove_threads(call, own_id)
    await Journal(call.coordinator).remove(own, **call.change)


async def _stop_runs(call: Call[Any, Any], own_id: str) -> None:
    going_on = await call.beside(lambda: named(call, ManyRuns(status="all")))
    found = [run for run in going_on if asked_of(run).own_id == own_id]
    await cancel(call, found, "interrupt", wait=False)


async def _remove_crons(call: Call[Any, Any], own_id: str) -> None:
    crons = Crons(call.coordinator)
    for kept in await crons.all():
        if kept.cron.own_id == own_id and sees(call, kept):
            await crons.remove(kept.cron.cron_id)
            call.site.crons_changed(kept.cron.cron_id)


async def _remove_threads(call: Call[Any, Any], own_id: str) -> None:
    found = await call.beside(lambda: _threads_of(call, own_id))
    for begin in range(0, len(found), TOGETHER_MAX):
        group = found[begin : begin + TOGETHER_MAX]
        await asyncio.gather(*(_remove_thread(call, each) for each in group))


async def _remove_thread(call: Call[Any, Any], thread_id: str) -> None:
    try:
        await call.coordinator.remove_thread(thread_id, if_running="cancel")
    except ThreadNotFound:
        return  # it went by itself


def _threads_of(call: Call[Any, Any], own_id: str) -> list[str]:
    """Return the threads that an assistant was on, those that are seen."""
    wanted = ThreadFilter(metadata={ASSISTANT_ID: own_id})
    with call.runtime.store.read() as snapshot:
        return [each.thread_id for each in matching(call, snapshot, wanted)]
