"""The page of sessions: found, opened, made and closed, with its tree kept true."""

from itertools import count

import pytest

from tests.daemon.page.browsing import Page, Watch, expect
from tests.daemon.page.places import answer, go, go_and_listen, session_of, tree_row
from tests.daemon.page.serving import Api

NUMBERS = count()


@pytest.fixture
def name(api: Api) -> str:
    """Return what the ids of this test's sessions begin with; no others are open."""
    for session in api.seen("/sessions", status="open")["sessions"]:
        api.made(f"/sessions/{session['session_id']}/close")
    return f"n{next(NUMBERS)}"


def test_the_tree_shows_sessions_and_their_threads(
    api: Api, page: Page, name: str
) -> None:
    api.session(f"{name}-a", "draft", "notes", user_id="ann")
    api.session(f"{name}-b", "plan")
    go(page, "sessions", query="?status=open")
    expect(page.get_by_text("2 sessions")).to_be_visible()
    expect(tree_row(page, f"{name}-a")).to_contain_text("2 threads")
    expect(tree_row(page, f"{name}-a")).to_contain_text("ann")
    expect(tree_row(page, "notes")).to_contain_text("idle")
    assert f"{name}-b" == session_of(page, "plan")


def test_a_search_finds_parts_of_ids_and_users(api: Api, page: Page, name: str) -> None:
    api.session(f"{name}-first", user_id="Rosalind")
    api.session(f"{name}-second")
    go(page, "sessions")
    page.get_by_label("Search").fill("rosal")
    expect(page.get_by_text("1 session", exact=True)).to_be_visible()
    expect(tree_row(page, f"{name}-first")).to_be_visible()
    assert page.url.endswith("search=rosal")
    page.get_by_label("Search").fill(f"{name}-sec")
    expect(tree_row(page, f"{name}-second")).to_be_visible()
    page.get_by_label("Search").fill("nobody at all")
    expect(page.get_by_text("No session matches")).to_be_visible()


def test_closed_sessions_can_be_left_out(api: Api, page: Page, name: str) -> None:
    api.session(f"{name}-gone")
    api.made(f"/sessions/{name}-gone/close")
    go(page, "sessions", query=f"?search={name}")
    expect(tree_row(page, f"{name}-gone")).to_contain_text("closed")
    page.get_by_label("Status").select_option("Open only")
    expect(page.get_by_text("No session matches")).to_be_visible()


def test_the_order_can_be_chosen(api: Api, page: Page, name: str) -> None:
    api.session(f"{name}-a")
    api.session(f"{name}-b")
    go(page, "sessions", query="?status=open")
    page.get_by_label("Order").select_option("Newest first")
    first = page.locator(".s-tree [role=listitem]").first
    expect(first).to_contain_text(f"{name}-b")


def test_a_transfer_is_seen_as_a_movement(api: Api, page: Page, name: str) -> None:
    ids = api.session(f"{name}-a", "letters")
    api.session(f"{name}-b", "stamps")
    go_and_listen(page, "sessions", query="?status=open")
    expect(tree_row(page, "letters")).to_be_visible()
    assert f"{name}-a" == session_of(page, "letters")
    api.made(f"/threads/{ids['letters']}/transfer", to_session_id=f"{name}-b")
    told = f"letters moved from {name}-a to {name}-b."
    expect(page.get_by_text(told)).to_be_visible()
    expect(tree_row(page, "letters").locator(".moved")).to_be_visible()
    expect(tree_row(page, f"{name}-b").locator(".received")).to_be_visible()
    assert f"{name}-b" == session_of(page, "letters")
    expect(page.locator(".moved, .received")).to_have_count(0)


def test_a_thread_that_moves_slides_there(api: Api, page: Page, name: str) -> None:
    ids = api.session(f"{name}-a", "letters")
    api.session(f"{name}-b", "stamps")
    page.emulate_media(reduced_motion="no-preference")
    go_and_listen(page, "sessions", query="?status=open")
    expect(tree_row(page, "letters")).to_be_visible()
    page.evaluate(
        """() => {
            globalThis.slid = [];
            const animate = Element.prototype.animate;
            Element.prototype.animate = function (frames, how) {
                slid.push([this.textContent, frames[0].transform]);
                return animate.call(this, frames, how);
            };
        }"""
    )
    api.made(f"/threads/{ids['letters']}/transfer", to_session_id=f"{name}-b")
    expect(page.locator(".moved")).to_be_visible()
    slid = page.evaluate("slid.filter(([text]) => text.includes('letters'))")
    assert ["translateY(-36px)"] == [transform for _, transform in slid]


def test_what_happens_elsewhere_appears(api: Api, page: Page, name: str) -> None:
    api.session(f"{name}-a", "one")
    go_and_listen(page, "sessions", query="?status=open")
    expect(tree_row(page, "one")).to_be_visible()
    threads = [{"name": "two", "workflow": "count"}]
    api.made(f"/sessions/{name}-a/threads", threads=threads)
    expect(tree_row(page, "two")).to_be_visible()
    api.session(f"{name}-b")
    expect(tree_row(page, f"{name}-b")).to_be_visible()
    api.delete(f"/sessions/{name}-a/threads/one").raise_for_status()
    expect(tree_row(page, "one")).to_have_count(0)


def test_the_keyboard_folds_and_opens(api: Api, page: Page, name: str) -> None:
    api.session(f"{name}-a", "one")
    api.session(f"{name}-b", "two")
    go(page, "sessions", query="?status=open")
    expect(tree_row(page, "two")).to_be_visible()
    tree_row(page, f"{name}-a").focus()
    page.keyboard.press("ArrowLeft")
    expect(tree_row(page, "one")).to_have_count(0)
    expect(page.get_by_label(f"Threads of {name}-a")).to_have_attribute(
        "aria-expanded", "false"
    )
    page.keyboard.press("ArrowRight")
    expect(tree_row(page, "one")).to_be_visible()
    page.keyboard.press("End")
    expect(tree_row(page, "two")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("two")


def test_a_session_shows_interactions_and_audit(
    api: Api, page: Page, name: str
) -> None:
    session_id = f"{name}-a"
    ids = api.session(session_id, "one", metadata={"plan": "team"})
    api.session(f"{name}-b", "two")
    api.made(
        f"/sessions/{session_id}/interactions",
        interaction_type="click",
        content={"button": "send"},
        thread_id=ids["one"],
    )
    go(page, "sessions", session_id, query="?status=open")
    expect(page.get_by_label("Metadata")).to_contain_text('"plan": "team"')
    expect(page.locator(".s-did li")).to_contain_text("click in one")
    expect(page.locator(".s-did li")).to_contain_text('{"button":"send"}')
    api.made(f"/threads/{ids['one']}/transfer", to_session_id=f"{name}-b")
    newest = page.locator(".s-audit tbody tr").first
    expect(newest).to_contain_text("transfer threads")
    expect(newest.get_by_role("link", name=f"{name}-b")).to_be_visible()
    expect(page.get_by_text("1 thread it owned before")).to_be_visible()
    refused = api.post("/sessions", json={"session_id": session_id})
    assert 409 == refused.status_code
    page.reload()
    row = page.locator(".s-audit tbody tr").filter(has_text="refused")
    expect(row).to_contain_text("exists already")


def test_the_audit_goes_back_to_the_beginning(api: Api, page: Page, name: str) -> None:
    thread_id = api.session(f"{name}-a", "one")["one"]
    api.run(thread_id, by=60)
    go(page, "sessions", f"{name}-a")
    rows = page.locator(".s-audit tbody tr")
    expect(rows).to_have_count(50)
    api.made(f"/threads/{thread_id}/rename", thread_name="two")
    expect(rows.first).to_contain_text("rename thread")  # now the feed has begun
    page.get_by_role("button", name="Older").click()
    expect(rows.last).to_contain_text("create session")
    expect(rows).to_have_count(65)
    api.made(f"/threads/{thread_id}/rename", thread_name="three")
    expect(rows).to_have_count(66)
    expect(rows.nth(1)).to_contain_text("rename thread")


def test_a_session_is_made(api: Api, page: Page, watch: Watch, name: str) -> None:
    watch.allow_network_errors()
    go(page, "sessions")
    page.get_by_role("button", name="New session").click()
    answer(page, "Create", Id=f"{name}-new", User="ann")
    expect(page.get_by_text(f"Session {name}-new is there")).to_be_visible()
    expect(page.locator(".w-name")).to_have_text(f"{name}-new")
    assert "ann" == api.seen(f"/sessions/{name}-new")["user_id"]
    page.get_by_role("button", name="New session").click()
    answer(page, "Create", Id=f"{name}-new")
    expect(page.locator(".toast.bad")).to_contain_text("exists already")


def test_a_thread_is_made(api: Api, page: Page, name: str) -> None:
    api.session(f"{name}-a")
    go(page, "sessions", f"{name}-a")
    page.get_by_role("button", name="New thread").click()
    answer(page, "Create", Name="fresh", Workflow="count", Config='{"by": 2}')
    row = page.get_by_role("row").filter(has_text="idle")
    expect(row.get_by_role("link", name="fresh")).to_be_visible()
    (thread,) = api.seen(f"/sessions/{name}-a/threads")["threads"]
    assert ("count", {"by": 2}) == (thread["workflow"], thread["config"])


def test_a_session_is_closed_only_when_confirmed(
    api: Api, page: Page, name: str
) -> None:
    api.session(f"{name}-a", "one")
    api.session(f"{name}-b")
    go(page, "sessions", f"{name}-a")
    page.get_by_role("button", name="Close session…").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert "open" == api.seen(f"/sessions/{name}-a")["status"]
    page.get_by_role("button", name="Close session…").click()
    answer(page, "Close session", Move=f"{name}-b")
    expect(page.locator(".s-about .badge")).to_have_text("closed")
    assert "closed" == api.seen(f"/sessions/{name}-a")["status"]
    assert ["one"] == api.names(f"{name}-b")
