"""``docs/api/`` is what the public names say of themselves."""

import functools
import importlib
import re
from pathlib import Path

import pytest

from weft.daemon import reference_api
from weft.daemon.reference_api import PAGES

EXTRAS = {"langgraph": "langgraph", "openai-agents": "openai", "google-adk": "adk"}
"""What an extra is called that a page's module needs."""


render = functools.cache(reference_api.render)


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    """Return the name of a page whose packages are there."""
    name: str = request.param
    if name in EXTRAS:
        pytest.importorskip(PAGES[name], reason=f"needs the extra [{EXTRAS[name]}]")
    return name


def test_a_page_of_the_reference_is_up_to_date(page: str, repository: Path) -> None:
    found = (repository / "docs" / "api" / f"{page}.md").read_text(encoding="utf-8")
    remedy = "python -m weft.daemon.reference_api docs/api"
    assert render(page) == found, f"make it again: {remedy}"


def test_a_page_has_every_public_name_and_no_other(page: str) -> None:
    module = importlib.import_module(PAGES[page])
    headings = re.findall(r"^## (\w+)$", render(page), re.MULTILINE)
    assert sorted(module.__all__, key=str.lower) == headings


def test_every_public_method_says_what_it_does(page: str) -> None:
    methods = re.split(r"^### ", render(page), flags=re.MULTILINE)[1:]
    silent = [
        text.split("\n", 1)[0]
        for text in methods
        if len(re.sub(r"```.*?```|`.*?`", "", text, flags=re.DOTALL).split()) < 2
    ]
    assert [] == silent
