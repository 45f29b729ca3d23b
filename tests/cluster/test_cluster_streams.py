"""What a run shows, before a cluster: whoever reads it hears of the end."""

from collections.abc import Iterator

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.served import HERE, WAIT_S, Served, served_on
from tests.daemon.http.event_support import started
from weft.cluster.cluster_runtime import ClusterRuntime
from weft.cluster.cluster_store import ClusterStore
from weft.storage import StoreClosed


@pytest.fixture
def here(address: str) -> Iterator[Served]:
    with served_on(address, (HERE,)) as made:
        yield made


def test_who_reads_a_run_is_told_when_the_connection_is_closed(here: Served) -> None:
    run_id = started(here.client, "walk")
    assert here.gates.reached.acquire(timeout=WAIT_S)
    other = ClusterRuntime(here.cluster.post, ClusterStore(here.cluster.dsn))
    future = other.coordinator.join_run(run_id)
    stream = other.coordinator.join_stream(run_id)
    stream._timeout_s = WAIT_S
    other.close()
    with pytest.raises(StoreClosed):
        next(stream)
    with pytest.raises(StoreClosed):
        future.get(timeout=WAIT_S)
    here.gates.opened.set()
