"""The page while its daemon goes and comes back, and while it wants a token."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.http.asking import ADMIN, READER, token_file
from tests.daemon.page.browsing import Browser, Page, Watch, expect, opened
from tests.daemon.page.places import answer, enter, go, settled, status, tree_row
from tests.daemon.page.serving import Api, served
from tests.ports import free_port

DOOR = "A token, please"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def page(browser: Browser, port: int) -> Iterator[Page]:
    """Return a page of a daemon that need not be there."""
    with opened(browser, f"http://127.0.0.1:{port}") as (page, watch):
        watch.allow_network_errors()
        yield page
        assert [] == watch.faults


def test_a_restart_loses_nothing(page: Page, port: int, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with served(data, port=port) as api:
        ids = api.session("ann", "kept", "moved")
        api.session("bob")
        go(page, "sessions")
        expect(tree_row(page, "moved")).to_be_visible()
    expect(status(page)).to_have_text("offline")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    expect(tree_row(page, "kept")).to_be_visible()  # what was said last stays
    with served(data, port=port) as api:
        api.made(f"/threads/{ids['moved']}/transfer", to_session_id="bob")
        api.session("eve", "late")
        expect(status(page)).to_have_text("live")
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(tree_row(page, "eve")).to_be_visible()
        expect(tree_row(page, "ann")).to_contain_text("1 thread")
        expect(tree_row(page, "bob")).to_contain_text("1 thread")


def test_what_was_said_last_stays_all_the_while(
    page: Page, port: int, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with served(data, port=port) as api:
        thread_id = api.session("ann", "kept")["kept"]
        go(page, "threads", thread_id)
        settled(page)
        page.evaluate(
            """() => {
                const page = document.querySelector("#main");
                globalThis.gone = 0;
                new MutationObserver(() => {
                    gone += page.querySelector("h1")?.textContent === "kept" ? 0 : 1;
                }).observe(page, { childList: true, subtree: true });
            }"""
        )
    expect(status(page)).to_have_text("offline")
    with served(data, port=port) as api:
        expect(status(page)).to_have_text("live")
        api.run(thread_id, by=2)
        expect(page.get_by_label("The last state")).to_contain_text('"n": 2')
    assert 0 == page.evaluate("gone")


def test_a_run_is_watched_across_a_kill(page: Page, port: int, tmp_path: Path) -> None:
    data, gate = tmp_path / "data", tmp_path / "gate"
    gate.mkdir()
    live = page.get_by_role("list", name="What the run says")
    with served(data, port=port, killed=True) as api:
        thread_id = api.session("ann", "walk")["walk"]
        run = {"workflow": "walk", "config": {"gate": str(gate)}, "background": True}
        api.made(f"/threads/{thread_id}/executions", **run)
        go(page, "threads", thread_id)
        (gate / "1").touch()
        expect(live).to_contain_text("valuesn: 1")
    expect(status(page)).to_have_text("offline")
    (gate / "2").touch()
    (gate / "3").touch()
    with served(data, port=port):
        expect(page.locator(".t-state")).to_have_text("ended")
        values = live.get_by_role("listitem").filter(has_text="values")
        expect(values).to_have_count(3)
        assert [3, 2, 1] == [int(text[-1]) for text in values.all_inner_texts()]
        expect(page.locator(".w-title .badge")).to_have_text("idle")


def test_a_change_made_while_nobody_answers_is_applied_once(
    page: Page, port: int, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with served(data, port=port) as api:
        thread_id = api.session("ann", "old")["old"]
        go(page, "threads", thread_id)
        settled(page)
        page.get_by_role("button", name="Rename…").click()
        page.get_by_label("New name").fill("new")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    with served(data, port=port) as api:
        expect(page.get_by_text("old is called new now")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text("new")
        log = api.seen("/operations", thread_id=thread_id)["operations"]
        assert ["CreateThreads", "RenameThread"] == [entry["kind"] for entry in log]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Return a client of a daemon that wants tokens, with a thread in a session."""
    place = tmp_path_factory.mktemp("guarded")
    tokens = token_file(place)
    with served(place / "data", "--token-file", tokens, token=ADMIN) as api:
        api.session("ann", "secrets")
        yield api


@pytest.fixture
def visitor(browser: Browser, guarded: Api) -> Iterator[tuple[Page, Watch]]:
    """Return a page of the daemon that wants tokens."""
    with opened(browser, guarded.url) as (page, watch):
        watch.allow_network_errors()
        yield page, watch
        assert [] == watch.faults


def test_the_token_is_asked_for_and_kept_for_the_tab(
    visitor: tuple[Page, Watch],
) -> None:
    page, _ = visitor
    page.goto("/#/sessions")
    expect(page.get_by_role("heading", name=DOOR)).to_be_visible()
    enter(page, "a-wrong-secret-of-some-length")
    expect(page.get_by_text("does not know this token")).to_be_visible()
    enter(page, ADMIN)
    expect(tree_row(page, "secrets")).to_be_visible()
    page.reload()
    expect(tree_row(page, "secrets")).to_be_visible()
    assert [] == page.context.cookies()
    assert "{}" == page.evaluate("JSON.stringify(localStorage)")
    other = page.context.new_page()
    other.goto("/#/sessions")
    expect(other.get_by_role("heading", name=DOOR)).to_be_visible()
    page.get_by_role("button", name="Forget token").click()
    expect(page.get_by_role("heading", name=DOOR)).to_be_visible()


def test_the_token_stands_in_no_address(visitor: tuple[Page, Watch]) -> None:
    page, watch = visitor
    page.goto("/#/sessions")
    enter(page, ADMIN)
    expect(tree_row(page, "secrets")).to_be_visible()
    assert ADMIN not in page.url
    assert not [url for url in watch.requests if ADMIN in url]


def test_who_may_only_read_is_told_so(
    visitor: tuple[Page, Watch], guarded: Api
) -> None:
    page, _ = visitor
    page.goto("/#/sessions")
    enter(page, READER)
    tree_row(page, "secrets").click()
    page.get_by_role("button", name="Remove…").click()
    answer(page, "Remove thread")
    expect(page.locator(".toast.bad")).to_be_visible()
    assert ["secrets"] == guarded.names("ann")
