"""The page of metrics in docs/ is what the registry exposes."""

import re
from pathlib import Path

from tests.metrics.test_cluster import Cluster
from tests.metrics.test_http import Face
from weft.metrics import register
from weft.metrics.document import document

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_in_docs_is_of_this_version() -> None:
    remedy = "PYTHONPATH=... python -m weft.metrics.document > docs/metrics.md"
    assert document() == PAGE.read_text(), remedy


def test_the_page_lists_exactly_what_a_registry_exposes() -> None:
    exposed = {
        f"{one.name}_total" if one.type == "counter" else one.name
        for one in register(Cluster(), http=Face()).collect()
    }
    listed = set(re.findall(r"^\| `(weft_\w+)`", document(), re.MULTILINE))
    assert exposed == listed
