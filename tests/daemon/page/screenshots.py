"""Pictures of the page for the documents: ``python -m tests.daemon.page.screenshots``.

They are of a living daemon: people work for a minute before the first is taken. Every
picture is made twice, for those who like it light and those who like it dark. For the
page of consistency another daemon is served, whose store was damaged before.
"""

import argparse
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.daemon.page.browsing import Browser, Page, expect, launched, opened
from tests.daemon.page.places import go, go_and_listen, settled, tree_row
from tests.daemon.page.sample import furnish, living, talk
from tests.daemon.page.serving import Api, served
from tests.storage.planting import plant
from weft.storage import LmdbStore

IMAGES = Path(__file__).parents[3] / "docs" / "images"
SIZE = (1280, 800)
SIZE_BYTES_MAX = 150_000
LIFE_S = 75.0
SCHEMES = ("light", "dark")
LIVING = ("overview", "actors", "store")
SILENT = {"actors", "store", "consistency"}
"""They ask again and again in place of following the events."""

DAMAGES = ("second_list", "removed_row", "wrong_counters")


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=IMAGES)
    parser.add_argument("--life", type=float, default=LIFE_S, metavar="SECONDS")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with launched() as browser, TemporaryDirectory() as place:
        data = Path(place) / "data"
        with served(data) as api:
            ids = furnish(api)
            with living(api, [ids["holiday"], ids["reading-list"]]):
                threading.Event().wait(options.life)
                for scheme, name in product(SCHEMES, LIVING):
                    _as_it_is(browser, api, options.out, scheme, name)
            for scheme in SCHEMES:
                _sessions(browser, api, ids, options.out, scheme)
            for scheme in SCHEMES:
                _thread(browser, api, ids, options.out, scheme)
        with _damaged(data) as api:
            for scheme in SCHEMES:
                _consistency(browser, api, options.out, scheme)


@contextmanager
def _damaged(data: Path) -> Iterator[Api]:
    store = LmdbStore(data)
    plant(store, DAMAGES)
    store.close()
    with served(data) as api:
        api.made("/check")
        yield api


def _as_it_is(browser: Browser, api: Api, out: Path, scheme: str, place: str) -> None:
    with _looking(browser, api, scheme, place) as page:
        _take(page, out / f"page-{place}-{scheme}.png")


def _sessions(
    browser: Browser, api: Api, ids: dict[str, str], out: Path, scheme: str
) -> None:
    """Show a transfer on its way, there and for the other picture back again."""
    thread_id = ids["reading-list"]
    owner = api.seen(f"/threads/{thread_id}/record")["session_id"]
    with _looking(browser, api, scheme, "sessions", "alice") as page:
        expect(tree_row(page, "reading-list")).to_be_visible()
        to = "alice" if owner == "bob" else "bob"
        api.made(f"/threads/{thread_id}/transfer", to_session_id=to)
        expect(page.locator(".moved")).to_be_visible()
        _take(page, out / f"page-sessions-{scheme}.png")


def _thread(
    browser: Browser, api: Api, ids: dict[str, str], out: Path, scheme: str
) -> None:
    """Show a run in progress that has two of its states."""
    at = f"/threads/{ids['holiday']}/executions"
    with _looking(browser, api, scheme, "threads", ids["holiday"]) as page:
        config = {"states": talk(3), "pause_s": 1.0}
        run = api.made(at, config=config, background=True)
        expect(page.locator(".t-live li")).to_have_count(2)
        expect(page.locator(".t-runs tr").nth(1).locator("i")).to_have_count(2)
        _take(page, out / f"page-thread-{scheme}.png")
        rollback = {"action": "rollback", "wait": "true"}  # leaves no trace of it
        where = f"/threads/{ids['holiday']}/runs/{run['run_id']}/cancel"
        api.post(where, params=rollback).raise_for_status()


def _consistency(browser: Browser, api: Api, out: Path, scheme: str) -> None:
    with _looking(browser, api, scheme, "consistency") as page:
        page.get_by_role("button", name="Try the repair").click()
        expect(page.locator(".diff").first).to_be_visible()
        _take(page, out / f"page-consistency-{scheme}.png")


@contextmanager
def _looking(browser: Browser, api: Api, scheme: str, *place: str) -> Iterator[Page]:
    with opened(browser, api.url, dark=scheme == "dark", size=SIZE) as (page, watch):
        (go if place[0] in SILENT else go_and_listen)(page, *place)
        settled(page)
        yield page
        assert [] == watch.faults


def _take(page: Page, path: Path) -> None:
    page.screenshot(path=path)
    size_bytes = path.stat().st_size
    assert size_bytes < SIZE_BYTES_MAX, f"{path} has {size_bytes} bytes"
    print(f"{path.name}: {size_bytes:,} bytes")  # noqa: T201 - a command talks


if __name__ == "__main__":
    main()
