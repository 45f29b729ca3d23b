"""Crons that are due at once, and the loop that starts them."""

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from msgspec.structs import replace
from starlette.testclient import TestClient

from tests.daemon.http.run_support import TIMEOUT_S
from weft.actors import Runtime
from weft.daemon.app import Application
from weft.daemon.crons import Crons
from weft.storage.store import clock_us

DAY_S = 86_400


def let_be_due(runtime: Runtime, cron_id: str) -> None:
    """Make a daily cron one of the day before yesterday."""

    async def change() -> None:
        crons = Crons(runtime.coordinator)
        kept = await crons.get(cron_id)
        assert kept is not None
        before_us = clock_us() - 2 * DAY_S * 1_000_000
        await crons.put(replace(kept.cron, from_us=before_us))

    asyncio.run(change())


@contextmanager
def starting(client: TestClient) -> Generator[None]:
    """Have what was due within a day started, for the time of a with block."""
    app, portal = client.app, client.portal
    assert isinstance(app, Application)
    assert portal is not None
    portal.call(app.begin, DAY_S + 60.0)
    yield
    portal.call(app.goodbye)


def until(is_so: Callable[[], bool]) -> None:
    """Wait for something, but not for ever."""
    end_s = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < end_s


def times(
    client: TestClient, fate: str, headers: dict[str, str] | None = None
) -> float:
    """Return how many due times came to this, as the page of metrics says."""
    page = client.get("/metrics", headers=headers).text
    name = f'weft_cron_times_total{{fate="{fate}"}} '
    (line,) = (line for line in page.splitlines() if line.startswith(name))
    return float(line.removeprefix(name))
