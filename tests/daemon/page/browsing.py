"""A browser that reports what a page does wrong.

Guarantees: a page fails its test for every error on its console, every exception
nobody caught and every request to another host than its daemon, which the browser
could not reach anyway; whatever waits has a deadline.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright", reason="needs the extra [check]: playwright")

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

__all__ = [
    "Browser",
    "BrowserContext",
    "Locator",
    "Page",
    "Watch",
    "expect",
    "launched",
    "opened",
]

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
TIMEOUT_MS = 20_000
DESKTOP = (1280, 800)
PHONE = (390, 844)
NETWORK_WORDS = r"Failed to load resource"
"""What Chromium itself says on the console of an answer that is no success."""


class Watch:
    """What one page has done wrong.

    Attributes:
        allowed: a pattern of console errors that belong to the test.
        faults: all others, and what else may not be.
        requests: the addresses that were asked, in order.
        under_way: requests without an answer yet, but for streams.
    """

    def __init__(self, page: Page, host: str) -> None:
        self.allowed: str | None = None
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.under_way: set[Request] = set()
        self._host = host
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        page.on("request", self._request)
        page.on("requestfinished", self._answered)
        page.on("requestfailed", self._answered)

    def allow_network_errors(self) -> None:
        """Let the browser say that answers were missing or refused."""
        self.allowed = NETWORK_WORDS

    def wait_for_answers(self, page: Page) -> None:
        """Wait until the page has the answer to all that it asked."""
        while self.under_way:  # each wait has the page's own deadline
            page.evaluate("new Promise((done) => requestIdleCallback(done))")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if self.allowed is None or not re.search(self.allowed, message.text):
            self.faults.append(f"console {message.type}: {message.text}")

    def _answered(self, request: Request) -> None:
        self.under_way.discard(request)

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        parts = urlsplit(request.url)
        if not parts.path.endswith(("/events", "/stream")):
            self.under_way.add(request)
        if parts.scheme not in {"data", "blob"} and parts.netloc != self._host:
            self.faults.append(f"foreign request: {request.url}")


@contextmanager
def launched() -> Iterator[Browser]:
    """Return a browser for the time of a with block."""
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip("needs the extra [check]: chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        expect.set_options(timeout=TIMEOUT_MS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser,
    url: str,
    *,
    dark: bool = False,
    size: tuple[int, int] = DESKTOP,
    scale: float = 1,
) -> Iterator[tuple[Page, Watch]]:
    """Return a new page, as of a new user, and what watches it.

    Args:
        browser: where.
        url: of the daemon; paths are relative to it.
        dark: whether the user likes it dark.
        size: of the window, in pixels.
        scale: pixels of the screen for each.
    """
    context = browser.new_context(
        base_url=url,
        color_scheme="dark" if dark else "light",
        device_scale_factor=scale,
        reduced_motion="reduce",
        viewport={"width": size[0], "height": size[1]},
    )
    context.set_default_timeout(TIMEOUT_MS)
    try:
        page = context.new_page()
        yield page, Watch(page, urlsplit(url).netloc)
    finally:
        context.close()
