"""Version 3 of the protocol before a cluster, as LangGraph's JavaScript clients use it.

The steps are those that they take before a single daemon.
"""

from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.local import ids_on
from tests.cluster.served import served_on
from tests.daemon.sdk.graphs import adder, asker
from tests.daemon.sdk.javascript import INSTALL_S_MAX, JS, put_beside_the_clients, run
from tests.daemon.sdk_runs.talking import talking
from weft.integrations.langgraph_workflow import graph_workflow

SCRIPT = "threads.mjs"
STEPS_S_MAX = 60.0


@pytest.mark.long
@pytest.mark.timeout(INSTALL_S_MAX + STEPS_S_MAX)
def test_threads_are_streamed_to_pages(
    address: str, shared_directory: Path, tmp_path: Path
) -> None:
    put_beside_the_clients(shared_directory, tmp_path, JS / SCRIPT)
    brought = sorted((tmp_path / "node_modules").glob("node-linux-*/bin/node"))
    node = str(brought[0]) if brought else "node"
    built = {"add": adder(), "ask": asker(), "talk": talking().compile()}
    graphs = {name: graph_workflow(graph, name=name) for name, graph in built.items()}
    with served_on(address, tuple(ids_on(0, 2, 1)), **graphs) as served:
        told = run(node, SCRIPT, served.url, cwd=tmp_path, timeout_s=STEPS_S_MAX)
    assert 10 == len(told.splitlines())
    assert "an interrupt is answered over websocket" in told
