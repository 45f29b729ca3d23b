"""What the first view costs, and what a page does while nothing changes."""

from collections.abc import Callable

import pytest

from tests.daemon.page.browsing import Page, Watch, expect
from tests.daemon.page.places import OBSERVE, go, settled, visit

FIRST_VIEW_BYTES_MAX = 200_000
PLACES = ["sessions", "session", "thread", "consistency", "operations"]
MEASURE = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const files = performance.getEntriesByType("resource");
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    return {
        bytes: [page, ...files].reduce((sum, one) => sum + one.transferSize, 0),
        paint_ms: paint.startTime,
        seen_ms: performance.now(),
    };
}"""


@pytest.mark.usefixtures("world")
def test_the_first_view_is_light(
    page: Page, record_property: Callable[[str, object], None]
) -> None:
    page.goto("/")
    page.locator("#main h1").wait_for()
    expect(page.locator(".loading")).to_have_count(0)
    measured = page.evaluate(MEASURE)
    for name, value in measured.items():
        record_property(f"first_view_{name}", round(value))
    print("first view:", measured)  # noqa: T201 - seen with -rP
    assert 10_000 < measured["bytes"] < FIRST_VIEW_BYTES_MAX


@pytest.mark.usefixtures("world")
def test_a_second_visit_fetches_no_file_again(page: Page, watch: Watch) -> None:
    go(page, "sessions")
    settled(page)
    page.reload()
    settled(page)
    sizes = page.evaluate(
        """performance.getEntriesByType("resource")
            .filter(({ name }) => name.includes("/page/"))
            .map(({ responseStatus, transferSize }) => transferSize)"""
    )
    assert sizes
    assert max(sizes) < 1000  # "not modified" is headers only
    assert any("/page/app.js" in url for url in watch.requests)


@pytest.mark.parametrize("place", PLACES)
def test_nothing_flickers_while_nothing_changes(
    page: Page, watch: Watch, world: dict[str, str], place: str
) -> None:
    page.clock.install()
    visit(page, place, "alice", world["holiday"])
    # The feed begins, and what was asked before it is asked anew.
    _pass_time(page, watch)
    page.evaluate(OBSERVE)
    for _ in range(5):
        _pass_time(page, watch)
    assert [] == page.evaluate("changed")


def _pass_time(page: Page, watch: Watch) -> None:
    """Let four seconds go by at once; what is asked every few seconds is asked."""
    watch.wait_for_answers(page)
    page.clock.run_for(4_000)
    watch.wait_for_answers(page)
