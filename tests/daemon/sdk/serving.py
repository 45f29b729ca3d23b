"""A daemon for LangGraph's own clients, on a real socket."""

from collections.abc import Iterator

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

from tests.daemon.http.count_workflow import count
from tests.daemon.sdk.graphs import adder, asker, nested
from tests.daemon.sdk_runs.talking import talking
from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer
from weft.integrations.langgraph import graph_workflow
from weft.storage import MemoryStore

TIMEOUT_S = 10.0


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """Return a runtime with graphs and a workflow without one."""
    graphs = {
        "add": adder(),
        "ask": asker(),
        "nest": nested(),
        "talk": talking().compile(),
    }
    workflows = [graph_workflow(graph, name=name) for name, graph in graphs.items()]
    workflows.append(count)
    with Runtime.open(store=MemoryStore(), workflows=workflows) as opened:
        yield opened
        assert opened.check().clean


@pytest.fixture
def url(runtime: Runtime) -> Iterator[str]:
    """Return where a daemon answers."""
    app = create_app(runtime)
    with BackgroundServer(app, bind(Address("127.0.0.1", 0))) as server:
        yield server.url


@pytest.fixture
def client(url: str) -> Iterator[SyncLangGraphClient]:
    """Return the client that blocks."""
    with get_sync_client(url=url, timeout=TIMEOUT_S) as opened:
        yield opened
