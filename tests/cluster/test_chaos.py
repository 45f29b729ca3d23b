"""Nothing that was acknowledged is lost, doubled or misplaced, whatever breaks."""

import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

pytest.importorskip("ray", reason="needs the extra [cluster]: ray")

from tests.cluster.chaos import FAULTS, Chaos
from tests.cluster.postgres import needs_postgres

if TYPE_CHECKING:
    from tests.cluster.chaos import Verdict

SEED: Final = 20_261_123

LONG: Final = (
    "node", "cut off", "re-shard", "actor", "raylet", "database crash", "hang",
    "database stop", "cut off", "re-shard",
)  # fmt: skip


def run(*faults: str, **how: Any) -> "Verdict":
    needs_postgres()
    with Chaos(seed=SEED, **how) as chaos:
        for fault in faults:
            chaos.strike(fault)
        return chaos.judge()


def assert_sound(verdict: "Verdict") -> None:
    assert 0 < verdict.operations
    assert 0 < verdict.threads
    assert {} == verdict.failed
    assert [] == verdict.misplaced
    assert [] == verdict.twice
    assert [] == verdict.differing
    assert [] == verdict.inconsistencies
    assert 0 == verdict.zombie_commits


@pytest.mark.timeout(240)
def test_a_small_cluster_loses_nothing_when_shards_and_its_node_are_replaced() -> None:
    verdict = run("actor", "database crash", "cut off", nodes=1, shards=2)
    assert_sound(verdict)
    assert 5 <= verdict.takeovers


@pytest.mark.timeout(240)
def test_without_fences_the_same_chaos_finds_commits_of_those_replaced() -> None:
    """The control: a proof that cannot fail proves nothing."""
    verdict = run("cut off", nodes=1, shards=2, fencing=False)
    assert 0 < verdict.zombie_commits


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_three_nodes_and_twelve_shards_lose_nothing_under_every_fault() -> None:
    assert set(FAULTS) == set(LONG)
    verdict = run(*LONG, nodes=3, shards=12, clients=6)
    sys.stdout.write(f"{verdict}\n")  # with -s: the table
    assert_sound(verdict)
