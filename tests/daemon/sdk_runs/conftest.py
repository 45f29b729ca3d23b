"""Clients of the LangGraph SDK, plain and asynchronous, driven alike."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langgraph_sdk import get_client, get_sync_client

from tests.daemon.http.run_support import Client, serving
from tests.daemon.sdk_runs.configured import configured
from tests.daemon.sdk_runs.talking import talking
from tests.integrations import graphs
from weft.integrations.langgraph_workflow import graph_workflow


class Sdk:
    """One client, whichever kind it is.

    Args:
        client: the SDK's.
        server: whose it is.
    """

    def __init__(self, client: Any, server: Client) -> None:
        self.client = client
        self.server = server
        self._loop = asyncio.new_event_loop()

    def do(self, ask: Callable[[Any], Any]) -> Any:
        """Return what the client answers; of a stream all parts."""
        return self._loop.run_until_complete(self._done(ask))

    async def _done(self, ask: Callable[[Any], Any]) -> Any:
        value = ask(self.client)
        if inspect.isawaitable(value):
            return await value
        if hasattr(value, "__aiter__"):
            return [part async for part in value]
        return list(value) if isinstance(value, Iterator) else value

    def thread(self) -> str:
        """Create a thread and return its id."""
        thread_id: str = self.do(lambda c: c.threads.create())["thread_id"]
        return thread_id

    def close(self) -> None:
        """Let connections and loop go."""
        if hasattr(self.client, "aclose"):
            self._loop.run_until_complete(self.client.aclose())
        else:
            self.client.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Client]:
    """Return a server of functions and graphs."""
    made = {
        "three": graph_workflow(graphs.three().compile(), name="three"),
        "asking": graph_workflow(graphs.asking().compile(), name="asking"),
        "both": graph_workflow(graphs.asking_twice().compile(), name="both"),
        "counting": graph_workflow(graphs.counting().compile(), name="counting"),
        "nested": graph_workflow(graphs.nested().compile(), name="nested"),
        "talking": graph_workflow(talking().compile(), name="talking"),
        "configured": graph_workflow(configured().compile(), name="configured"),
    }
    with serving(made) as opened:
        yield opened


@pytest.fixture(params=["sync", "async"])
def sdk(request: pytest.FixtureRequest, server: Client) -> Iterator[Sdk]:
    """Return a client of either kind."""
    make = get_client if request.param == "async" else get_sync_client
    opened = Sdk(make(url=str(server.base_url)), server)
    yield opened
    opened.close()
