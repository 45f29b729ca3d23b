"""Two shards that all tests of a file share, and two sessions for each test."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.cluster.local import LocalCluster, ids_on
from tests.cluster.shards.looking import WAIT_S, WORKFLOWS
from weft.storage import new_id


@pytest.fixture(scope="module")
def workflows() -> dict[str, Any]:
    """Return what the shards run."""
    return dict(WORKFLOWS)


@pytest.fixture(scope="module")
def cluster(server: str, workflows: dict[str, Any]) -> Iterator[LocalCluster]:
    """Two shards that all tests of this file share; each has sessions of its own."""
    name = f"weft_shards_{time.time_ns()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    with LocalCluster(server.replace("/postgres?", f"/{name}?"), 2, workflows) as made:
        yield made


@pytest.fixture
def pair(cluster: LocalCluster) -> tuple[str, str]:
    """Two open sessions, one on each shard."""
    prefix = new_id()
    here, there = (ids_on(shard, 2, 1, prefix)[0] for shard in (0, 1))
    for session_id in (here, there):
        cluster.runtime.coordinator.create_session(session_id).get(timeout=WAIT_S)
    return here, there
