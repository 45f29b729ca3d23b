"""What the page says is not there is what the daemon answers with 501."""

import re
from pathlib import Path

from weft.daemon.http import planned


def test_the_page_names_what_is_planned_and_nothing_else(repository: Path) -> None:
    page = (repository / "docs" / "from-langgraph-server.md").read_text()
    missing = page.partition("## Not there")[2].partition("## Your data")[0]
    named = set(re.findall(r"`(?:[A-Z]+ )?(/[\w/{}]+)`", missing)) - {"/events"}
    paths = {path for _, path in planned._PATHS}
    assert [] == sorted(named - paths), "these are there: take them off the page"
    unnamed = [
        path
        for path in paths
        if not any(path.startswith(one) or one in path for one in named)
    ]
    assert [] == unnamed, "name them on the page"
