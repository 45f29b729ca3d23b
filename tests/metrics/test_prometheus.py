"""A real Prometheus scrapes a real daemon under load, and every chart has data."""

from pathlib import Path

import pytest

from tests.metrics.ailing_daemon import Load, ailing_daemon
from tests.metrics.promtool import program
from tests.metrics.scraping import prometheus
from tests.metrics.test_dashboard import plain
from tests.ports import free_port
from weft.metrics.dashboard import expressions

CLIENTS = 4


def test_every_expression_of_the_dashboard_returns_data_under_load(
    tmp_path: Path,
) -> None:
    program("prometheus")  # before the daemon: nothing to do where there is none
    with (
        ailing_daemon(tmp_path, free_port()) as daemon,
        prometheus(tmp_path / "prometheus", daemon.target) as server,
        Load(daemon, CLIENTS),
    ):
        server.wait_until_up()
        server.wait_for(
            lambda: server.value("sum(rate(weft_operations_total[4s]))"), "a rate"
        )
        (target,) = server.get("targets")["activeTargets"]
        assert ("up", "") == (target["health"], target["lastError"])
        # Those of a cluster: tests/cluster/test_cluster_alerts.py.
        asked = [each for each in expressions() if "weft_cluster_" not in each]
        empty = [each for each in asked if not server.query(plain(each))]
        assert [] == empty
        assert set() == server.firing()


@pytest.mark.long
def test_a_scrape_without_the_token_is_refused(tmp_path: Path) -> None:
    with (
        ailing_daemon(tmp_path, free_port()) as daemon,
        prometheus(tmp_path / "prometheus", daemon.target) as server,
    ):
        (tmp_path / "prometheus" / "weft.token").write_text("wrong")
        server.wait_for(
            lambda: "401" in str(server.get("targets")["activeTargets"]), "a refusal"
        )
        server.wait_for(lambda: "WeftDown" in server.firing(), "WeftDown")
        (target,) = server.get("targets")["activeTargets"]
        assert "down" == target["health"]
        assert "401" in target["lastError"]
