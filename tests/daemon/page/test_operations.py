"""The page of operations: the log newest first, filtered, live, page by page."""

import pytest

from tests.daemon.page.browsing import Locator, Page, expect
from tests.daemon.page.places import go, settled
from tests.daemon.page.serving import Api


def rows(page: Page) -> Locator:
    """Return the rows that are in sight."""
    return page.get_by_role("list", name="Operations").get_by_role("listitem")


@pytest.fixture(scope="module")
def world(api: Api) -> dict[str, str]:
    """Return the ids of threads of two sessions, with a refusal in the log."""
    ids = api.session("ann", "draft", "notes")
    api.session("bob", "plan")
    api.made(f"/threads/{ids['draft']}/transfer", to_session_id="bob")
    assert 409 == api.post("/sessions", json={"session_id": "ann"}).status_code
    return ids


def test_the_newest_is_first_refused_ones_too(
    page: Page, world: dict[str, str]
) -> None:
    go(page, "operations")
    expect(rows(page).nth(0)).to_contain_text("refused create session")
    expect(rows(page).nth(1)).to_contain_text("transfer threads")
    expect(rows(page).nth(1)).to_contain_text("ann → bob")
    rows(page).nth(0).click(position={"x": 300, "y": 18})
    detail = page.locator(".detail")
    expect(detail).to_contain_text("Idempotency key")
    expect(detail).to_contain_text("SessionExists")
    detail.get_by_role("button", name="Close").click()
    expect(detail).to_have_count(0)
    assert len(world) == 2


def test_a_filter_is_part_of_the_address(page: Page, world: dict[str, str]) -> None:
    go(page, "operations")
    page.get_by_label("Of session").fill("bob")
    expect(page.get_by_role("list", name="Operations")).not_to_contain_text("refused")
    expect(rows(page)).to_have_count(3)
    assert page.url.endswith("?session=bob")
    page.get_by_label("Of session").fill("")
    page.get_by_label("Of thread").fill(world["draft"])
    expect(rows(page)).to_have_count(2)
    page.reload()
    expect(rows(page)).to_have_count(2)
    page.get_by_label("Of thread").fill("nobody")
    expect(page.get_by_text("No operations")).to_be_visible()


def test_what_happens_appears_and_can_be_held_back(
    page: Page, api: Api, world: dict[str, str]
) -> None:
    go(page, "operations", query="?session=eve")
    settled(page)
    expect(page.get_by_text("No operations")).to_be_visible()
    api.session("eve", "late")
    expect(rows(page).first).to_contain_text("create threads")
    page.get_by_label("Live").uncheck()
    api.made("/sessions/eve/close")
    page.get_by_role("button", name="Show 1 newer one").click()
    expect(rows(page).first).to_contain_text("close session")
    assert world


def test_pages_follow_as_one_scrolls_and_keys_move(page: Page, api: Api) -> None:
    thread_id = api.session("long", "walk")["walk"]
    for _ in range(9):
        api.run(thread_id, by=50)
    go(page, "operations", query="?session=long")
    expect(rows(page).first).to_contain_text("finish run")
    rows(page).first.focus()
    page.keyboard.press("ArrowDown")
    expect(rows(page).nth(1)).to_be_focused()
    oldest = rows(page).filter(has_text="create session")
    expect(oldest).to_have_count(0)
    while oldest.count() == 0:
        page.keyboard.press("End")  # to the end of what has come so far
        expect(page.locator("[data-row]:focus")).to_be_visible()
    expect(oldest).to_have_count(1)
    assert rows(page).count() < 60  # of 470


def test_what_is_read_stays_in_its_place_while_more_comes(
    page: Page, api: Api, world: dict[str, str]
) -> None:
    thread_id = api.session("read", "walk")["walk"]
    api.run(thread_id, by=80)
    go(page, "operations", query="?session=read")
    expect(rows(page).first).to_contain_text("finish run")
    chosen = rows(page).nth(20)
    chosen.focus()
    for _ in range(3):
        page.keyboard.press("PageDown")
    focused = page.locator("[data-row]:focus")
    text, place = focused.inner_text(), focused.bounding_box()
    number = int(focused.get_attribute("data-row") or 0)
    api.run(thread_id, by=10)
    expect(focused).to_have_attribute("data-row", str(number + 12))
    assert (text, place) == (focused.inner_text(), focused.bounding_box())
    assert world
