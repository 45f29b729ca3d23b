"""What tests say to a page in one word."""

from urllib.parse import quote

from tests.daemon.page.browsing import Locator, Page, expect

__all__ = [
    "OBSERVE",
    "PLACES",
    "answer",
    "card",
    "enter",
    "figure",
    "go",
    "go_and_listen",
    "session_of",
    "settled",
    "status",
    "tree_row",
    "visit",
]

PLACES = [
    "overview",
    "sessions",
    "session",
    "thread",
    "actors",
    "store",
    "consistency",
    "operations",
]
"""Every kind of place of the page."""

OBSERVE = """() => {
    globalThis.changed = [];
    const told = ({ type, attributeName, target }) =>
        `${type} ${attributeName} ${target.textContent.slice(0, 60)}`;
    new MutationObserver((all) => changed.push(...all.map(told))).observe(
        document.body,
        { attributes: true, characterData: true, childList: true, subtree: true },
    );
}"""
"""Have the page keep in `changed` what changes from now on."""


def go(page: Page, *parts: str, query: str = "") -> None:
    """Open a place of the page, and wait until it has its heading."""
    path = "/".join(quote(part, safe="") for part in parts)
    page.goto(f"/#/{path}{query}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def go_and_listen(page: Page, *parts: str, query: str = "") -> None:
    """Open a place as the first one, and wait until it hears of all that happens."""
    with page.expect_response("**/events"):
        go(page, *parts, query=query)


def visit(page: Page, place: str, session_id: str, thread_id: str) -> None:
    """Open one of `PLACES`, of this session or thread where it is of one."""
    chosen = {"session": ("sessions", session_id), "thread": ("threads", thread_id)}
    go(page, *chosen.get(place, (place,)))
    settled(page)


def tree_row(page: Page, text: str) -> Locator:
    """Return the row of the tree that names a session or a thread."""
    link = page.get_by_role("link", name=text, exact=True)
    return page.locator(".s-tree [role=listitem]").filter(has=link)


def session_of(page: Page, thread_name: str) -> str:
    """Return the session under which the tree shows a thread."""
    owner = ""
    for row in page.locator(".s-tree [role=listitem]").all():
        name = row.get_by_role("link").inner_text()
        if row.locator(".s-thread").count() == 0:
            owner = name
        elif name == thread_name:
            return owner
    raise AssertionError(f"no thread {thread_name!r} in the tree")


def answer(page: Page, action: str, **fields: str) -> None:
    """Fill in the dialog that is open, and press its button.

    Args:
        page: where.
        action: what the button says.
        fields: values by the beginning of the labels, underscores for spaces.
    """
    dialog = page.get_by_role("dialog")
    for label, value in fields.items():
        dialog.get_by_label(label.replace("_", " ")).fill(value)
    dialog.get_by_role("button", name=action, exact=True).click()
    expect(dialog).to_have_count(0)


def card(page: Page, title: str) -> Locator:
    """Return the card under a heading."""
    heading = page.get_by_role("heading", level=2, name=title, exact=True)
    return page.locator(".card").filter(has=heading)


def figure(page: Page, name: str) -> Locator:
    """Return the number over a name."""
    named = page.locator(".figure").filter(has=page.get_by_text(name, exact=True))
    return named.locator("b")


def enter(page: Page, secret: str) -> None:
    """Show a token at the door."""
    page.get_by_label("Token").fill(secret)
    page.get_by_role("button", name="Look").click()


def status(page: Page) -> Locator:
    """Return what the header says of the connection."""
    return page.get_by_role("banner").get_by_role("status")


def settled(page: Page) -> None:
    """Wait until the page knows the daemon, and nothing is on its way."""
    expect(status(page)).to_have_text("live")
    expect(page.locator(".loading")).to_have_count(0)
