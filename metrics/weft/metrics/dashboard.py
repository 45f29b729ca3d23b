"""The dashboard for Grafana: ``python -m weft.metrics.dashboard``.

Guarantees: every metric there is stands on it, every expression uses only metrics
there are (tests hold both); the data source, the job and the instance are variables.

The panels are data (:mod:`weft.metrics.panels`); here is what Grafana wants besides.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any, Final

from weft.metrics.panel import Panel
from weft.metrics.panels import ROWS

__all__ = ["dashboard", "expressions"]

COLUMNS: Final = 24
WIDTH: Final = 8
HEIGHT: Final = 8

SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def expressions() -> list[str]:
    """Return every expression, with the variables that Grafana replaces."""
    return [expr for _, panels in ROWS for panel in panels for expr in panel.queries]


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    return {
        "title": "Weft",
        "uid": "weft-runtime",
        "tags": ["weft"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": list(_panels()),
    }


def _variables() -> list[dict[str, Any]]:
    source = {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
    }
    job = _query("job", "label_values(weft_build_info, job)")
    which = 'label_values(weft_build_info{job=~"$job"}, instance)'
    return [source, job, _query("instance", which)]


def _query(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
    }


def _panels() -> Iterator[dict[str, Any]]:
    number = y = 0
    for title, panels in ROWS:
        number += 1
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
        yield {"id": number, "type": "row", "title": title, "gridPos": place}
        y += 1
        for at, panel in enumerate(panels):
            number += 1
            across, down = at % (COLUMNS // WIDTH), at // (COLUMNS // WIDTH)
            yield _panel(number, panel, across * WIDTH, y + down * HEIGHT)
        y += -(-len(panels) // (COLUMNS // WIDTH)) * HEIGHT


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + at), "expr": expr, "legendFormat": legend}
        for at, (expr, legend) in enumerate(panel.queries.items())
    ]
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": x, "y": y},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": targets,
    }


def to_json() -> str:
    """Return the dashboard as its file has it."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(to_json())
