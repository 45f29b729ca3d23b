"""The runs of crons: requests that nobody sends.

A due time becomes the same request as a client's, with an idempotency key that the cron
and the time make: so all that is true of such requests is true of a cron's run, among
it that repeating one changes nothing.
"""

from typing import Any

from weft.daemon.cron_counting import CronCounter
from weft.daemon.cron_loop import CronLoop
from weft.daemon.crons import Cron, Crons
from weft.daemon.http.call import Call
from weft.daemon.http.cron_requests import run_of
from weft.daemon.http.principals import Principal
from weft.daemon.http.run_starting import start
from weft.daemon.http.site import Site

__all__ = ["cron_loop"]


def cron_loop(site: Site, grace_s: float) -> CronLoop:
    """Return the loop that starts the runs of a site's crons.

    Args:
        site: whose; it shows what the loop counts.
        grace_s: how late a run may be started.
    """

    async def fire(cron: Cron, op_id: str) -> None:
        await start(_asked(site, cron, op_id), run_of(cron), cron.thread_id)

    counter = CronCounter()
    site.counter.crons = counter.cron_statistics
    return CronLoop(Crons(site.runtime.coordinator), fire, counter, grace_s=grace_s)


def _asked(site: Site, cron: Cron, op_id: str) -> Call[Any, Any]:
    """Return the request that a cron's owner would have sent."""
    principal = Principal("cron", owner=cron.owner)
    call: Call[Any, Any] = Call(
        site, {"weft.principal": principal, "headers": []}, None, None
    )
    call.op_id = op_id
    return call
