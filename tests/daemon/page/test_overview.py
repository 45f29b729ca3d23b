"""The overview: figures that are the daemon's, and that move by themselves."""

import re

from tests.daemon.page.browsing import Page, Watch, expect
from tests.daemon.page.places import figure, go, settled
from tests.daemon.page.serving import Api


def test_it_shows_what_there_is_and_moves(fresh: tuple[Page, Watch, Api]) -> None:
    page, _, api = fresh
    ids = api.session("ann", "notes", "plan")
    go(page, "overview")
    settled(page)
    expect(figure(page, "sessions")).to_have_text("1")
    expect(figure(page, "threads")).to_have_text("2")
    expect(page.get_by_text("Quiet at the moment.")).to_be_visible()
    api.session("bob")
    api.run(ids["notes"])
    expect(figure(page, "sessions")).to_have_text("2")
    expect(page.locator(".happening-row").first).to_contain_text("finish run")
    runs = page.locator(".shares li").filter(has_text="success")
    expect(runs).to_have_text("success 1")
    chart = page.get_by_role("img", name=re.compile("^Operations per second"))
    expect(chart.locator("canvas")).to_have_count(1)
    groups = page.get_by_role("img", name=re.compile("^Commits by group size"))
    expect(groups).to_have_accessible_name(re.compile("operations share a flush"))


def test_a_check_is_a_mark_of_the_strip(fresh: tuple[Page, Watch, Api]) -> None:
    page, _, api = fresh
    api.session("ann", "notes")
    api.made("/check")
    go(page, "overview")
    strip = page.locator(".strip")
    expect(strip).to_have_accessible_name(re.compile("^[12] checks?, all clean$"))
    expect(figure(page, "inconsistencies")).to_have_text("0")
    expect(page.get_by_text("17 watched")).to_be_visible()


def test_nothing_moves_while_nothing_happens(fresh: tuple[Page, Watch, Api]) -> None:
    page, _, _ = fresh
    go(page, "overview")
    settled(page)
    expect(page.locator(".strip")).to_be_visible()
    page.evaluate(
        """() => {
            globalThis.changed = [];
            new MutationObserver((all) => changed.push(...all.map(
                ({ type, target }) => `${type} ${target.textContent.slice(0, 60)}`,
            ))).observe(document.querySelector(".figures"), {
                childList: true, characterData: true, subtree: true,
            });
        }"""
    )
    for _ in range(3):  # two seconds apart
        with page.expect_response("**/figures?*"):
            pass
    assert [] == page.evaluate("changed")


def test_figures_lead_to_more(fresh: tuple[Page, Watch, Api]) -> None:
    page, _, _ = fresh
    go(page, "overview")
    page.locator(".figure").filter(has_text="inconsistencies").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Consistency")
    expect(page.get_by_role("link", name="Consistency")).to_have_attribute(
        "aria-current", "page"
    )
    page.go_back()
    expect(page.locator(".figures").first).to_be_visible()
