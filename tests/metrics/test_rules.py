"""The rules are sound, their unit tests pass, every alert has a test and a runbook."""

import re
from pathlib import Path

from tests.metrics.promtool import promtool
from weft.metrics import CATALOGUE, CLUSTER_CATALOGUE, HTTP_CATALOGUE
from weft.metrics.export import export, read_shipped

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks.md"
RULES = read_shipped("weft.rules.yml").decode()
ALERTS = re.findall(r"- alert: (\w+)", RULES)
EVERYTHING = CATALOGUE + HTTP_CATALOGUE + CLUSTER_CATALOGUE
NAMES = {metric.name for metric in EVERYTHING}


def test_promtool_finds_no_fault_in_the_rules(tmp_path: Path) -> None:
    export(tmp_path)
    check = ("check", "rules", "--lint=all", "--lint-fatal", "weft.rules.yml")
    assert "SUCCESS" in promtool(*check, cwd=tmp_path)


def test_the_unit_tests_of_the_rules_pass(tmp_path: Path) -> None:
    export(tmp_path)
    assert "SUCCESS" in promtool("test", "rules", "weft.rules.test.yml", cwd=tmp_path)


def test_every_alert_is_tested_quiet_and_firing() -> None:
    tests = read_shipped("weft.rules.test.yml").decode()
    assert ALERTS
    for alert in ALERTS:
        assert 2 == len(re.findall(rf"alertname: {alert}\n", tests)), alert
    assert len(ALERTS) == tests.count("exp_alerts: []")


def test_every_alert_is_driven_to_firing_and_back_by_a_real_fault() -> None:
    here = Path(__file__).with_name("test_alerts.py").read_text()
    cluster = Path(__file__).parents[1] / "cluster" / "test_cluster_alerts.py"
    for alert in ALERTS:
        is_clusters = alert.startswith("WeftCluster")
        drives = cluster.read_text() if is_clusters else here
        assert 2 <= drives.count(f'"{alert}"'), alert


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    titles = re.findall(r"^## (\w+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert ALERTS == titles
    anchors = re.findall(r"runbook_url: docs/runbooks.md#(\w+)", RULES)
    assert [title.lower() for title in titles] == anchors


def test_links_within_the_runbooks_lead_somewhere() -> None:
    text = RUNBOOKS.read_text()
    anchors = {title.lower() for title in ALERTS}
    assert anchors >= set(re.findall(r"\]\(#(\w+)\)", text))
    for page in re.findall(r"\]\((\w+\.md)\)", text):
        assert (RUNBOOKS.parent / page).exists()


def test_the_rules_use_only_metrics_that_there_are() -> None:
    used = set(re.findall(r"\bweft_\w+", RULES))
    assert {name.removesuffix("_bucket") for name in used} <= NAMES


def test_the_runbooks_name_only_metrics_that_there_are() -> None:
    assert set(re.findall(r"`(weft_\w+)`", RUNBOOKS.read_text())) <= NAMES
