"""A daemon, a browser and a page, for the tests of the page.

The browser and the daemon are a module's: Playwright runs an event loop in the OS
thread that asks, which other tests of the same process must not find there.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # without Playwright this file must load, for others to be skipped
    from tests.daemon.page.browsing import Browser, Page, Watch
    from tests.daemon.page.serving import Api


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Return a browser."""
    from tests.daemon.page.browsing import launched

    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Api"]:
    """Return a client of a new daemon that anybody may ask."""
    from tests.daemon.page.serving import served

    with served(tmp_path_factory.mktemp("page") / "data") as api:
        yield api


@pytest.fixture(scope="module")
def world(api: "Api") -> dict[str, str]:
    """Return the ids of the threads that the daemon is furnished with, by name."""
    from tests.daemon.page.sample import furnish

    return furnish(api)


@pytest.fixture
def visit(browser: "Browser", api: "Api") -> Iterator[tuple["Page", "Watch"]]:
    """Return a page that is not anywhere yet, and what watches it."""
    from tests.daemon.page.browsing import opened

    with opened(browser, api.url) as (page, watch):
        yield page, watch
        assert [] == watch.faults


@pytest.fixture
def page(visit: tuple["Page", "Watch"]) -> "Page":
    """Return a page that is not anywhere yet; its faults fail the test."""
    return visit[0]


@pytest.fixture
def watch(visit: tuple["Page", "Watch"]) -> "Watch":
    """Return what watches the page."""
    return visit[1]


@pytest.fixture
def fresh(
    browser: "Browser", tmp_path: Path
) -> Iterator[tuple["Page", "Watch", "Api"]]:
    """Return a page of a daemon that nobody has touched; its data are in `data`."""
    from tests.daemon.page.browsing import opened
    from tests.daemon.page.serving import served

    with (
        served(tmp_path / "data") as api,
        opened(browser, api.url) as (page, watch),
    ):
        yield page, watch, api
        assert [] == watch.faults
