"""What the pages in ``docs/`` show works when it is typed.

How a block is marked is said in :mod:`tests.docs.page`.
"""

import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.page import needed, shown
from tests.docs.story import DEADLINE_S, Story

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
TOLD = [
    page
    for page in PAGES
    if any(b.language != "text" and b.mark("not run") is None for b in shown(page))
]
"""Pages that show something to do; in ``api/`` there are fragments of docstrings."""
NOT_RUN_MAX = 10
"""Blocks that cannot be run here: they need root, a second machine, a real cluster."""


@pytest.mark.timeout(3 * DEADLINE_S)
@pytest.mark.parametrize("page", TOLD, ids=lambda page: page.name)
def test_what_a_page_shows_works(page: Path, bin_directory: Path) -> None:
    missing = [name for name in needed(page) if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} missing: pip install 'weft[test]'")
    # Not tmp_path: the name of a socket has 107 bytes at the most.
    with tempfile.TemporaryDirectory(prefix="weft-docs-") as directory:
        story = Story(page, Path(directory), bin_directory)
        try:
            for block in shown(page):
                story.check(block)
            story.check_end()
        finally:
            story.abandon()


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    reasons = [
        (f"{page.name}:{block.line}", block.mark("not run"))
        for page in PAGES
        for block in shown(page)
        if block.mark("not run") is not None and page.parent == DOCS
    ]
    assert all(reason for _, reason in reasons), reasons
    assert len(reasons) <= NOT_RUN_MAX, reasons
