"""Strings of users that try to be more than text, on every page that shows them."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.daemon.page.browsing import Page, expect
from tests.daemon.page.hostile import EVIL, LINK, check_text_stays_text
from tests.daemon.page.places import PLACES, visit
from tests.daemon.page.serving import Api

SESSION = f"s{EVIL}"
THREAD = f"t{EVIL}"


@pytest.fixture(scope="module")
def hostile(api: Api) -> Api:
    """Return a daemon full of such strings."""
    data: Any = {EVIL: [EVIL, {LINK: EVIL}], "link": LINK}
    api.made("/sessions", session_id=SESSION, user_id=f"u{EVIL}", metadata=data)
    thread = {"name": f"n{EVIL}", "thread_id": THREAD, "workflow": "echo"}
    api.made(
        f"/sessions/{quote(SESSION, safe='')}/threads",
        threads=[{**thread, "metadata": data}],
    )
    at = f"/threads/{quote(THREAD, safe='')}"
    api.made(f"{at}/executions", config={"states": [data, {EVIL: LINK}]})
    failing = {"workflow": "fail", "config": {"words": EVIL}}
    api.post(f"{at}/executions", json=failing)
    api.made(
        f"/sessions/{quote(SESSION, safe='')}/interactions",
        interaction_type=f"i{EVIL}",
        content=data,
        thread_id=THREAD,
        metadata=data,
    )
    api.made("/sessions", session_id=LINK, user_id=LINK)
    headers = {"Idempotency-Key": f"k{EVIL}"}
    again = api.post("/sessions", json={"session_id": SESSION}, headers=headers)
    assert 409 == again.status_code
    return api


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.usefixtures("hostile")
def test_text_stays_text(page: Page, place: str) -> None:
    visit(page, place, SESSION, THREAD)
    if place not in {"overview", "store", "consistency"}:
        expect(page.get_by_text("<img src=x", exact=False).first).to_be_visible()
    check_text_stays_text(page)
    links = page.locator("a").evaluate_all("all => all.map((a) => a.protocol)")
    assert {"http:"} == set(links)


@pytest.mark.usefixtures("hostile")
def test_dialogs_and_messages_are_text_too(page: Page) -> None:
    visit(page, "thread", SESSION, THREAD)
    page.get_by_role("button", name="Rename…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Rename n{EVIL}")
    page.get_by_label("New name").fill(f"m{EVIL}")
    dialog.get_by_role("button", name="Rename").click()
    expect(page.locator(".toast")).to_contain_text(f"is called m{EVIL} now")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"m{EVIL}")
    check_text_stays_text(page)


def test_a_place_that_was_typed_by_hand_is_text(page: Page) -> None:
    page.goto(f"/#/{quote(EVIL)}")
    expect(page.get_by_text("There is no such page")).to_be_visible()
    check_text_stays_text(page)
