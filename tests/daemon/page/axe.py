"""Axe, the checker of accessibility, on the page as it stands."""

from pathlib import Path
from typing import Any

from tests.daemon.page.browsing import Page

__all__ = ["faults_of"]

AXE = Path(__file__).parent / "vendor" / "axe.min.js"


def faults_of(page: Page) -> list[str]:
    """Return what axe finds, a line for each element."""
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    report: dict[str, Any] = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}"
        for rule in report["violations"]
        for node in rule["nodes"]
    ]
