"""Every link within the project leads somewhere, and every page is in the index."""

import re
from pathlib import Path

import pytest

from tests.house.project import files

PENDING = frozenset({"performance.md"})
"""Pages that are linked before they are there; remove a name when its page is."""

ROOT = Path(__file__).resolve().parents[2]
PAGES = [path for path in files(ROOT) if path.suffix == ".md"]
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(text: str) -> set[str]:
    """Return the places that the headings of a page make."""
    found: dict[str, int] = {}
    places = set()
    for heading in re.findall(
        r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE
    ):
        plain = re.sub(r"[`*]|\[|\]\(.*?\)", "", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
        number = found[slug] = found.get(slug, -1) + 1
        places.add(f"{slug}-{number}" if number else slug)
    return places


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    found = []
    for link in _LINK.findall(without_code((ROOT / page).read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, place = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        if target.name in PENDING and not target.exists():
            continue
        if not target.exists() or (
            place and place not in anchors(target.read_text(encoding="utf-8"))
        ):
            found.append(f"{page}: {link}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert [] == broken(page)


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [path.relative_to("docs") for path in PAGES if path.parts[0] == "docs"]
    missing = [str(page) for page in pages if f"]({page})" not in index]
    assert ["README.md"] == missing


def test_headings_make_places() -> None:
    text = "# One `two`: three\n## A_b\n## A_b\n```text\n# no\n```\n"
    assert {"one-two-three", "a_b", "a_b-1"} == anchors(text)


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n[a](b.md) [c](#a) [d](#e) `[f](g.md)` [h](https://i)\n")
    assert [f"{page}: b.md", f"{page}: #e"] == broken(page)


def test_every_test_that_a_page_names_is_there() -> None:
    texts = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
    named = {
        (page, found)
        for page, text in texts.items()
        for found in re.findall(r"(?<![\w/])(tests/[\w/]+(?:\.\w+)?)", text)
    }
    assert 10 < len(named)
    missing = sorted(str(one) for one in named if not (ROOT / one[1]).exists())
    assert [] == missing
