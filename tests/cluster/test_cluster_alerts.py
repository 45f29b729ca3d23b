"""The alerts and charts of a cluster: a real Prometheus, real shards, real faults."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.local import LocalCluster, ids_on
from tests.cluster.postgres import PostgresServer, needs_postgres
from tests.daemon.http.asking import token_file
from tests.metrics.promtool import program
from tests.metrics.scraping import TOKENS, Prometheus, prometheus
from tests.metrics.test_dashboard import plain
from weft.cluster.postgres import PostgresStore
from weft.daemon.app import create_app
from weft.daemon.http import Tokens
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer
from weft.metrics.dashboard import expressions

pytestmark = pytest.mark.timeout(180)

WAIT_S = 20.0
SHARDS = 2


class Scene:
    """Two shards, their database, and the Prometheus that watches them."""

    def __init__(
        self, postgres: PostgresServer, cluster: LocalCluster, server: Prometheus
    ) -> None:
        self.postgres = postgres
        self.cluster = cluster
        self.server = server

    def expect(
        self, alert: str, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        def fires() -> bool:
            meanwhile()
            return alert in self.server.firing()

        self.server.wait_for(fires, f"{alert} fires")

    def expect_quiet(self, alert: str) -> None:
        self.server.wait_for(
            lambda: alert not in self.server.firing(), f"{alert} is quiet"
        )

    def take_over(self, shard: int) -> None:
        """Take a shard over and leave it, as a process that comes and goes."""
        PostgresStore(self.cluster.dsn, shard=shard, pulse_s=3600.0).close()

    def start_again(self, shard: int) -> None:
        self.cluster.post.shards[shard].runtime.close(0.0)
        self.cluster.start(shard)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    needs_postgres()
    program("prometheus")
    directory = tmp_path_factory.mktemp("cluster-alerts")
    tokens = Tokens(token_file(directory, TOKENS))
    with (
        PostgresServer() as postgres,
        LocalCluster(postgres.database("watched"), SHARDS) as cluster,
    ):
        runtime: Any = cluster.runtime
        app = create_app(runtime, None, tokens)
        with BackgroundServer(
            app, bind(Address("127.0.0.1", 0)), on_stopping=app.goodbye
        ) as daemon:
            target = urlsplit(daemon.url).netloc
            with prometheus(directory / "prometheus", target) as server:
                server.wait_until_up()
                yield Scene(postgres, cluster, server)


def work(cluster: LocalCluster, number: int) -> None:
    """Have one commit on each shard, and one that concerns both."""
    coordinator = cluster.runtime.coordinator
    here, there = (ids_on(shard, SHARDS, 1, f"{number}-")[0] for shard in (0, 1))
    for session_id in (here, there):
        coordinator.create_session(session_id).get(timeout=WAIT_S)
    made = coordinator.create_thread_with_session(here, {}, "notes")
    moved = coordinator.transfer_thread_between_sessions(
        made.get(timeout=WAIT_S), here, there
    )
    moved.get(timeout=WAIT_S)


def test_every_chart_of_a_cluster_has_data(scene: Scene) -> None:
    asked = [each for each in expressions() if "weft_cluster_" in each]
    assert asked
    numbers = iter(range(1000))

    def shown() -> bool:
        work(scene.cluster, next(numbers))
        return all(scene.server.query(plain(each)) for each in asked)

    scene.server.wait_for(shown, "every chart has data")
    across = "max(weft_cluster_across_commits_total)"
    scene.server.wait_for(lambda: scene.server.value(across), "commits over shards")


@pytest.mark.long
def test_a_shard_that_was_fenced(scene: Scene) -> None:
    scene.take_over(0)
    scene.expect("WeftClusterShardSilent")
    scene.start_again(0)
    scene.expect_quiet("WeftClusterShardSilent")


@pytest.mark.long
def test_shards_that_are_taken_over_again_and_again(scene: Scene) -> None:
    def thrice() -> None:
        for _ in range(3):
            scene.take_over(1)

    scene.expect("WeftClusterTakeovers", meanwhile=thrice)
    scene.start_again(1)
    scene.expect_quiet("WeftClusterTakeovers")


@pytest.mark.long
def test_a_standby_that_follows_asynchronously(scene: Scene) -> None:
    with PostgresServer(standby_of=scene.postgres):
        scene.expect("WeftClusterMayLose")
    scene.expect_quiet("WeftClusterMayLose")


@pytest.mark.long
def test_the_age_of_the_epochs_grows_while_the_database_is_away(scene: Scene) -> None:
    age = "weft_cluster_epoch_age_seconds"
    scene.postgres.stop()
    try:
        scene.server.wait_for(
            lambda: (scene.server.value(age) or 0.0) > 4.0, "the age has grown"
        )
        assert "WeftDown" not in scene.server.firing()
    finally:
        scene.postgres.start()
    scene.server.wait_for(
        lambda: (scene.server.value(age) or 9.0) < 2.0, "the epochs are proven"
    )
