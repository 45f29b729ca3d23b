"""Every page for every eye and hand: contrast, labels, dark, small, by keyboard."""

from collections.abc import Iterator

import pytest

from tests.daemon.page.axe import faults_of
from tests.daemon.page.browsing import PHONE, Browser, Page, expect, opened
from tests.daemon.page.places import PLACES, go, settled, visit
from tests.daemon.page.serving import Api


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


@pytest.mark.parametrize("place", PLACES)
def test_axe_finds_nothing(eyes: Page, world: dict[str, str], place: str) -> None:
    visit(eyes, place, "alice", world["holiday"])
    assert [] == faults_of(eyes)


def test_axe_finds_nothing_in_a_dialog(eyes: Page, world: dict[str, str]) -> None:
    visit(eyes, "thread", "alice", world["holiday"])
    eyes.get_by_role("button", name="Move…", exact=True).click()
    assert [] == faults_of(eyes)
    eyes.keyboard.press("Escape")
    expect(eyes.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_wider_than_a_telephone(
    phone: Page, world: dict[str, str], place: str
) -> None:
    visit(phone, place, "alice", world["holiday"])
    assert PHONE[0] == phone.evaluate("document.documentElement.scrollWidth")


@pytest.mark.usefixtures("world")
def test_a_telephone_goes_into_a_session_and_back(phone: Page) -> None:
    go(phone, "sessions")
    settled(phone)
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
