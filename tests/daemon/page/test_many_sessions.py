"""A hundred thousand sessions: a list that holds only what is in sight."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.page.browsing import Browser, Page, expect, opened
from tests.daemon.page.places import go, tree_row
from tests.daemon.page.serving import Api, served
from weft.storage import LmdbStore
from weft.storage.codec import encode
from weft.storage.keys import COUNTERS_KEY, session_key
from weft.storage.lmdb import LmdbEngine
from weft.storage.records import EMPTY, Counters, Session

SESSIONS = 100_000
LAST = f"session-{SESSIONS - 1:06}"
PAGE = 500
ROWS_IN_DOCUMENT_MAX = 80


def fill(data: Path) -> None:
    """Make a store of so many sessions, below the rules, in a second."""
    LmdbStore(data).close()
    engine = LmdbEngine(data / "store", sync=False)
    with engine.write() as trees:
        tree, at = COUNTERS_KEY[-2:]
        counters = Counters({"open": SESSIONS}, {})
        trees.put_many(tree, [(at, encode(tree, at, counters))])
        trees.put_many("S", [_entry(number) for number in range(SESSIONS)])
    engine.close()


def _entry(number: int) -> tuple[bytes, bytes]:
    name = f"session-{number:06}"
    session = Session(name, "crowd", "open", EMPTY, number, number, 1, 1, 1)
    at = session_key(name)[-1]
    return at, encode("S", at, session)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Return a client of a daemon that has so many; the last one has a thread."""
    data = tmp_path_factory.mktemp("crowd") / "data"
    fill(data)
    with served(data) as api:
        api.made(f"/sessions/{LAST}/threads", threads=[{"name": "late"}])
        yield api


@pytest.fixture
def page(browser: Browser, crowd: Api) -> Iterator[Page]:
    """Return a page of that daemon."""
    with opened(browser, crowd.url) as (page, watch):
        yield page
        assert [] == watch.faults


def scroll_to_the_end(page: Page) -> None:
    """Scroll to the end of what is there."""
    box = page.locator(".s-tree .list-box")
    box.evaluate("box => { box.scrollTop = box.scrollHeight; }")


def test_a_long_list_comes_page_by_page(page: Page) -> None:
    go(page, "sessions")
    expect(page.get_by_text(f"{PAGE} sessions so far")).to_be_visible()
    for pages in range(2, 6):
        scroll_to_the_end(page)
        told = f"{PAGE * pages:,} sessions so far"
        expect(page.get_by_text(told)).to_be_visible()
    rows = page.locator(".s-tree [role=listitem]")
    assert 10 < rows.count() < ROWS_IN_DOCUMENT_MAX
    page.locator(".s-tree .list-box").evaluate("box => { box.scrollTop = 36_000; }")
    expect(tree_row(page, "session-001005")).to_be_visible()
    assert rows.count() < ROWS_IN_DOCUMENT_MAX


def test_the_last_of_them_is_found_and_unfolded(page: Page) -> None:
    go(page, "sessions")
    page.get_by_label("Search").fill(LAST)
    row = tree_row(page, LAST)
    expect(row).to_be_visible()
    row.focus()
    page.keyboard.press("ArrowRight")
    expect(tree_row(page, "late")).to_be_visible()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_all_of_them_are_walked_through_smoothly(
    page: Page, record_property: Callable[[str, object], None]
) -> None:
    go(page, "sessions")
    page.evaluate(
        """() => {
            globalThis.gaps = [];
            let last = performance.now();
            const frame = (now) => {
                gaps.push(now - last);
                last = now;
                requestAnimationFrame(frame);
            };
            requestAnimationFrame(frame);
        }"""
    )
    page.evaluate(
        """() => new Promise((done) => {
            const box = document.querySelector(".s-tree .list-box");
            const all = document.querySelector(".s-told");
            const step = () => {
                box.scrollTop += 20_000;
                if (/^[0-9,]+ sessions$/.test(all.textContent.trim())) done();
                else requestAnimationFrame(step);
            };
            step();
        })"""
    )
    scroll_to_the_end(page)
    expect(tree_row(page, LAST)).to_be_visible()
    rows = page.locator(".s-tree [role=listitem]")
    assert rows.count() < ROWS_IN_DOCUMENT_MAX
    gaps = sorted(page.evaluate("gaps"))
    figures = {name: round(gaps[int(at * (len(gaps) - 1))]) for name, at in FIGURES}
    record_property("frames_ms", figures)
    print("ms between frames:", figures)  # noqa: T201 - seen with -rP


FIGURES = [("median", 0.5), ("99th of 100", 0.99), ("worst", 1.0)]
