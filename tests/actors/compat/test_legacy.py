"""Legacy methods work, are deprecated once each, and are logged each time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import LONG_S, answer
from weft.actors.compat import SessionService

PLAN = [{"name": "x", "workflow": "count", "config": {"to": 2}}]


async def states(service: SessionService) -> list[Any]:
    stream = await service.stream_workflow_in_session("s", "x")
    return [state async for state in stream]


WAYS: dict[str, tuple[Callable[[SessionService], Awaitable[Any]], Any]] = {
    "coordinate_threads_legacy": (lambda s: s.coordinate_threads("s", []), {}),
    "execute_workflow_legacy": (lambda s: s.execute_workflow_in_session("s", "x"), 2),
    "stream_workflow_legacy": (states, [1, 2]),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_legacy_method_works_and_warns(
    name: str, open_runtime: Open, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = open_runtime()
    answer(runtime.coordinator.create_session("s"))
    answer(runtime.coordinator.coordinate_threads("s", PLAN))
    service = SessionService(runtime)
    call, expected = WAYS[name]

    async def twice() -> list[Any]:
        async with asyncio.timeout(LONG_S):
            with pytest.warns(DeprecationWarning, match=f"{name} is a legacy") as told:
                first = await call(service)
            assert [__file__] == [one.filename for one in told]
            return [first, await call(service)]  # a second warning would be an error

    assert [expected, expected] == asyncio.run(twice())
    warned = [one for one in caplog.records if getattr(one, "action", "") == name]
    assert [logging.WARNING] * 2 == [one.levelno for one in warned]


def test_a_service_with_a_coordinator_needs_nothing_legacy(open_runtime: Open) -> None:
    runtime = open_runtime()
    answer(runtime.coordinator.create_session("s"))
    service: SessionService = runtime.get(SessionService)
    assert {} == asyncio.run(service.coordinate_threads("s", []))
