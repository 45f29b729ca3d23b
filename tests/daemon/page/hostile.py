"""Strings of users that try to be more than text, and whether they succeeded."""

from tests.daemon.page.browsing import Page

__all__ = ["EVIL", "LINK", "check_text_stays_text"]

EVIL = "\"'><img src=x onerror=pwned=1><svg/onload=pwned=1>{{pwned=1}}${pwned=1}"
LINK = "javascript:pwned=1"


def check_text_stays_text(page: Page) -> None:
    """Check that no string became a script, nor an element that could run one."""
    assert page.evaluate("globalThis.pwned === undefined")
    assert 0 == page.locator("img[src=x], svg[onload], [onerror]").count()
