"""The dashboard is that of the code, shows every metric, and fits together."""

import json
import re
from itertools import combinations
from pathlib import Path

from tests.metrics.promtool import promtool
from weft.metrics import CATALOGUE, CLUSTER_CATALOGUE, HTTP_CATALOGUE
from weft.metrics.dashboard import COLUMNS, dashboard, expressions, to_json
from weft.metrics.export import read_shipped

EVERYTHING = CATALOGUE + HTTP_CATALOGUE + CLUSTER_CATALOGUE
NAMES = {metric.name for metric in EVERYTHING}
PANELS = dashboard()["panels"]


def plain(expression: str) -> str:
    """Return an expression with the variables filled in, as Grafana would."""
    filled = expression.replace("$__rate_interval", "1m")
    return re.sub(r"\$(job|instance)\b", ".*", filled)


def test_the_shipped_file_is_of_this_version() -> None:
    remedy = "python -m weft.metrics.dashboard > .../shipped/weft.dashboard.json"
    assert to_json() == read_shipped("weft.dashboard.json").decode(), remedy
    assert dashboard() == json.loads(to_json())


def test_every_metric_is_shown_and_no_other() -> None:
    used = set(re.findall(r"\bweft_\w+", " ".join(expressions())))
    assert NAMES == {name.removesuffix("_bucket") for name in used}


def test_promtool_understands_every_expression(tmp_path: Path) -> None:
    rules = [
        {"record": f"weft:expression:{number}", "expr": plain(expression)}
        for number, expression in enumerate(expressions())
    ]
    file = tmp_path / "expressions.yml"  # what JSON writes is YAML, too
    file.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    said = promtool("check", "rules", "--lint=none", str(file))
    assert f"{len(rules)} rules found" in said


def test_panels_have_their_own_numbers_and_titles() -> None:
    assert len(PANELS) == len({panel["id"] for panel in PANELS})
    assert len(PANELS) == len({panel["title"] for panel in PANELS})


def test_no_panel_lies_on_another_or_sticks_out() -> None:
    places = [panel["gridPos"] for panel in PANELS]
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
    assert all(place["x"] + place["w"] <= COLUMNS for place in places)


def test_every_chart_says_what_it_shows_and_asks_the_chosen_source() -> None:
    for panel in PANELS:
        if panel["type"] != "row":
            assert panel["description"].endswith(".")
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert "${datasource}" == panel["datasource"]["uid"]
            assert panel["targets"]
