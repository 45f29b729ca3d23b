"""The page of the store: what it holds, how fast it is, when it was saved."""

import re
from pathlib import Path

from tests.daemon.page.browsing import Page, Watch, expect
from tests.daemon.page.places import OBSERVE, card, figure, go, settled
from tests.daemon.page.serving import Api
from weft.storage.backup import backup


def test_it_shows_what_the_store_holds_and_moves(
    fresh: tuple[Page, Watch, Api], tmp_path: Path
) -> None:
    page, _, api = fresh
    go(page, "store")
    settled(page)
    expect(figure(page, "the store is")).to_have_text("writable")
    expect(card(page, "Commits by duration")).to_contain_text("None")
    expect(card(page, "Backup and check")).to_contain_text("No backup is known.")
    ids = api.session("ann", "notes")
    api.run(ids["notes"])
    last = int(api.seen("/figures")["present"]["seq"])
    expect(figure(page, "the last")).to_have_text(str(last))
    log = card(page, "Entries").locator("tr").filter(has_text="the log of operations")
    expect(log.locator("td").last).to_have_text(str(last))
    chart = page.get_by_role("img", name=re.compile("^Flushes by duration over five"))
    expect(chart.locator(".column").first).to_be_visible()
    groups = page.get_by_role("img", name=re.compile("^Commits by group size"))
    expect(groups).to_have_accessible_name(re.compile("operations share a flush"))
    backup(tmp_path / "data", tmp_path / "backup")
    api.made("/check")
    saved = card(page, "Backup and check")
    expect(saved).to_contain_text(f"at seq {last}:")
    expect(saved.locator(".badge")).to_have_text("clean")


def test_its_link_leads_to_the_repair(fresh: tuple[Page, Watch, Api]) -> None:
    page, _, _ = fresh
    go(page, "store")
    page.get_by_role("link", name="Check or repair").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Consistency")


FREE = re.compile(r"characterData null \d+ [GT]B")
"""What the disk has left: other programs write to it, too."""


def test_nothing_moves_while_nothing_happens(fresh: tuple[Page, Watch, Api]) -> None:
    page, watch, api = fresh
    ids = api.session("ann", "notes")
    api.run(ids["notes"])
    api.made("/check")
    go(page, "store")
    settled(page)
    with page.expect_response("**/figures/store"):
        pass
    watch.wait_for_answers(page)
    page.evaluate(OBSERVE)
    for _ in range(3):  # two seconds apart
        with page.expect_response("**/figures/store"):
            pass
    watch.wait_for_answers(page)
    changes = page.evaluate("changed")
    assert [] == [each for each in changes if not FREE.fullmatch(each)]
