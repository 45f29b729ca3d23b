"""Every page for every eye and hand: contrast, labels, dark, small, by keyboard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.page.browsing import PHONE, Browser, Page, expect, opened
from tests.daemon.page.places import go, settled
from tests.daemon.page.sample import furnish
from tests.daemon.page.serving import Api

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PLACES = [
    "overview",
    "sessions",
    "session",
    "thread",
    "actors",
    "store",
    "consistency",
    "operations",
]


@pytest.fixture(scope="module")
def world(api: Api) -> dict[str, str]:
    """Return the ids of the threads that there are to see."""
    return furnish(api)


@pytest.fixture(scope="module", params=["light", "dark"])
def eyes(browser: Browser, api: Api, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Return a page that knows axe, in each scheme."""
    with opened(browser, api.url, dark=request.param == "dark") as (page, watch):
        yield page
        assert [] == watch.faults


@pytest.fixture(scope="module")
def phone(browser: Browser, api: Api) -> Iterator[Page]:
    """Return a page as a telephone shows it."""
    with opened(browser, api.url, size=PHONE) as (page, watch):
        yield page
        assert [] == watch.faults


def visit(page: Page, place: str, world: dict[str, str]) -> None:
    chosen = {
        "session": ("sessions", "alice"),
        "thread": ("threads", world["holiday"]),
    }
    go(page, *chosen.get(place, (place,)))
    settled(page)


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


@pytest.mark.parametrize("place", PLACES)
def test_axe_finds_nothing(eyes: Page, world: dict[str, str], place: str) -> None:
    visit(eyes, place, world)
    assert [] == faults_of(eyes)


def test_axe_finds_nothing_in_a_dialog(eyes: Page, world: dict[str, str]) -> None:
    visit(eyes, "thread", world)
    eyes.get_by_role("button", name="Move…", exact=True).click()
    assert [] == faults_of(eyes)
    eyes.keyboard.press("Escape")
    expect(eyes.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_wider_than_a_telephone(
    phone: Page, world: dict[str, str], place: str
) -> None:
    visit(phone, place, world)
    assert PHONE[0] == phone.evaluate("document.documentElement.scrollWidth")


def test_a_telephone_goes_into_a_session_and_back(
    phone: Page, world: dict[str, str]
) -> None:
    visit(phone, "sessions", world)
    phone.get_by_role("link", name="bob", exact=True).click()
    expect(phone.locator(".w-name")).to_have_text("bob")
    expect(phone.locator(".s-tree")).to_be_hidden()
    phone.get_by_role("link", name="All sessions").click()
    expect(phone.locator(".s-tree")).to_be_visible()


@pytest.mark.usefixtures("world")
def test_the_keyboard_gets_past_the_header(page: Page) -> None:
    go(page, "sessions")
    settled(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Search")).to_be_focused()


@pytest.mark.usefixtures("world")
def test_a_dialog_gives_the_focus_back(page: Page) -> None:
    go(page, "sessions")
    settled(page)
    button = page.get_by_role("button", name="New session")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
