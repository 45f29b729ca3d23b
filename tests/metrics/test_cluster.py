"""What a cluster counts stands on the page of whoever serves it."""

from tests.metrics.made import Made, histogram
from weft.cluster.cluster_statistics import ClusterStatistics, cluster_statistics
from weft.cluster.postgres_statistics import PostgresStatistics
from weft.metrics import CLUSTER_CATALOGUE, register, render
from weft.storage.statistics import Histogram

EMPTY = Histogram().snapshot()


def numbers_of(shard: int, epoch: int, age_s: float) -> PostgresStatistics:
    return PostgresStatistics(
        shard=shard,
        epoch=epoch,
        fenced=False,
        proved_age_s=age_s,
        commit_ns=histogram(1_000_000, 2_000_000),
        rows=histogram(5),
        commits=2,
        conflicts=3,
        fetches=4,
        reconnects=0,
        settled=1,
        across=6,
        synchronous_standbys=1,
        asynchronous_standbys=0,
    )


SHOWN = cluster_statistics(
    {0: 2, 1: 5, 2: 1}, [numbers_of(0, 2, 0.25), numbers_of(1, 4, 0.75)], 7
)


class Cluster(Made):
    """A runtime's numbers, and a cluster's beside them."""

    def cluster_statistics(self) -> ClusterStatistics:
        return SHOWN


def value(name: str, **labels: str) -> float | None:
    return register(Cluster()).get_sample_value(name, labels)


def test_a_shard_counts_as_silent_if_it_answers_under_an_old_epoch() -> None:
    assert 1 == value("weft_cluster_shards", condition="answering")
    assert 2 == value("weft_cluster_shards", condition="silent")


def test_counts_are_of_all_shards_and_ages_of_the_worst() -> None:
    assert 8 == value("weft_cluster_takeovers_total")
    assert 0.75 == value("weft_cluster_epoch_age_seconds")
    assert 12 == value("weft_cluster_across_commits_total")
    assert 6 == value("weft_cluster_conflicts_total")
    assert 2 == value("weft_cluster_settled_commits_total")
    assert 7 == value("weft_cluster_repeated_commands_total")
    assert 4 == value("weft_cluster_commit_duration_seconds_count")
    assert 2 == value("weft_cluster_commit_rows_count")
    assert 1 == value("weft_cluster_standbys", mode="synchronous")


def test_a_cluster_that_nobody_answers_for_is_shown_as_silent() -> None:
    found = cluster_statistics({0: 3, 1: 4}, [], 0)
    assert (0, 2, 7) == (found.answering, found.silent, found.takeovers)
    assert EMPTY == found.commit_ns


def test_a_runtime_without_a_cluster_has_none_of_these() -> None:
    page, _ = render(register(Made()))
    assert b"weft_cluster_" not in page


def test_with_a_cluster_all_of_them_are_there() -> None:
    page, _ = render(register(Cluster()))
    for metric in CLUSTER_CATALOGUE:
        assert f"# TYPE {metric.name} {metric.kind}\n".encode() in page
