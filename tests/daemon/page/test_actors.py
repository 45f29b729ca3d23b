"""The page of actors: kinds, the busy, the failed; and it is still while they are."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actors.crashing import crash_handler
from tests.actors.support import LONG_S, failure
from tests.daemon.http.asking import ALICE, READER, token_file
from tests.daemon.page.axe import faults_of
from tests.daemon.page.browsing import Browser, Page, Watch, expect, opened
from tests.daemon.page.hostile import EVIL, check_text_stays_text
from tests.daemon.page.places import card, enter, figure, go, settled
from tests.daemon.page.serving import Api, served
from weft.actors import RestartPolicy, Runtime
from weft.actors.light_actor import LightActor, handles
from weft.actors.messages import Command
from weft.actors.session import SessionActor
from weft.daemon.app import create_app
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer

LOOKS_MAX = 3
"""Times eight seconds."""


class Gate(LightActor):
    """Keeps everybody waiting until it is opened."""

    kind = "user"

    @handles(threading.Event)
    def _wait(self, message: threading.Event) -> None:
        assert message.wait(LONG_S)


def test_it_names_the_busy_and_moves(fresh: tuple[Page, Watch, Api]) -> None:
    page, _, api = fresh
    ids = api.session("ann", "notes", "plan")
    go(page, "actors")
    settled(page)
    expect(figure(page, "sessions resident")).to_have_text("1")
    busiest = card(page, "Busiest sessions").locator("tbody tr")
    expect(busiest).to_have_count(1)
    api.session("bob")
    for _ in range(3):
        api.run(ids["notes"])
    expect(busiest).to_have_count(2)
    expect(busiest.first.get_by_role("link").first).to_have_text("ann")
    expect(figure(page, "sessions resident")).to_have_text("2")
    woke = card(page, "Come and gone").locator("tbody tr").last.locator("td").first
    expect(woke).to_have_text("1")
    expect(card(page, "Turns by kind").locator("tbody tr")).to_have_count(4)
    expect(card(page, "Deepest mailboxes")).to_contain_text("No mail waits")
    busiest.first.get_by_role("link", name="ann", exact=True).click()
    expect(page.locator(".w-name")).to_have_text("ann")


def test_nothing_moves_while_nothing_happens(fresh: tuple[Page, Watch, Api]) -> None:
    page, watch, _ = fresh
    go(page, "actors")
    settled(page)
    page.evaluate(
        """() => {
            globalThis.changed = [];
            const told = ({ type, target }) => {
                const element = target.closest ? target : target.parentElement;
                // The root and the keeper have turns of their own, each second.
                const row = element.closest("[data-kind]");
                const own = row && ["root", "system"].includes(row.dataset.kind);
                return own ? [] : [`${type} ${target.textContent.slice(0, 60)}`];
            };
            const see = (all) => changed.push(...all.flatMap(told));
            new MutationObserver(see).observe(document.body, {
                attributes: true, childList: true, characterData: true, subtree: true,
            });
        }"""
    )
    for _ in range(LOOKS_MAX):  # until none finds the root's mail waiting, if any does
        found = _waiting(page)
        watch.wait_for_answers(page)
        page.evaluate("changed.length = 0")
        if not any([found, *(_waiting(page) for _ in range(3))]):
            break
    watch.wait_for_answers(page)
    assert [] == page.evaluate("changed")


def _waiting(page: Page) -> int:
    """Return how much mail the next look finds, two seconds after the one before."""
    with page.expect_response("**/figures/actors") as looked:
        pass
    found: int = looked.value.json()["queued"]
    return found


@pytest.mark.parametrize("place", ["actors", "store"])
def test_who_is_bound_to_an_owner_is_told_kindly(
    browser: Browser, tmp_path: Path, place: str
) -> None:
    tokens = token_file(tmp_path)
    with (
        served(tmp_path / "data", "--token-file", tokens) as api,
        opened(browser, api.url) as (page, watch),
    ):
        watch.allow_network_errors()
        page.goto(f"/#/{place}")
        enter(page, ALICE)
        expect(page.get_by_role("alert")).to_contain_text("everybody's sessions")
        expect(page.get_by_role("button", name="Try again")).to_have_count(0)
        page.get_by_role("button", name="Forget token").click()
        enter(page, READER)
        expect(page.locator(".cards .figures").first).to_be_visible()
        assert [] == watch.faults


@pytest.fixture
def troubled(browser: Browser, tmp_path: Path) -> Iterator[tuple[Page, Runtime]]:
    """Return a page of a runtime in this process, where things can be made to fail."""
    listener = bind(Address("127.0.0.1", 0))
    with (
        Runtime.open(tmp_path / "data") as runtime,
        BackgroundServer(create_app(runtime), listener) as server,
        opened(browser, server.url) as (page, watch),
    ):
        yield page, runtime
        assert [] == watch.faults


def test_who_keeps_the_others_waiting_is_named(troubled: tuple[Page, Runtime]) -> None:
    page, runtime = troubled
    release = threading.Event()
    gate = Gate(runtime._dispatcher, f"gate {EVIL}").actor_ref
    runtime.session(EVIL).create_thread("n").get(timeout=LONG_S)
    gate.tell(release)
    try:
        waiting = [runtime.session(EVIL).create_thread(f"{at}") for at in range(3)]
        go(page, "actors")
        settled(page)
        mail = card(page, "Deepest mailboxes").locator("tbody tr")
        expect(mail.filter(has_text=EVIL)).to_contain_text("3")
        expect(figure(page, "the oldest for")).to_be_visible()
        expect(card(page, "Slow turns")).to_contain_text(f"urn:weft:user:gate {EVIL}")
    finally:
        release.set()
    for future in waiting:
        future.get(timeout=LONG_S)
    expect(card(page, "Deepest mailboxes")).to_contain_text("No mail waits")
    check_text_stays_text(page)
    assert [] == faults_of(page)


def test_who_failed_and_what_was_lost_is_named(
    troubled: tuple[Page, Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    page, runtime = troubled
    runtime.session(EVIL).create_thread("n").get(timeout=LONG_S)
    root: Any = runtime._root.actor
    root._restarts._policy = RestartPolicy(restarts_max=0, quarantine_s=LONG_S)
    crash_handler(monkeypatch, SessionActor, Command)
    for name in ("a", "b"):
        failure(runtime.session(EVIL).create_thread(name))
    go(page, "actors")
    settled(page)
    away = card(page, "Failed and away")
    expect(away.locator(".badge")).to_have_text("quarantined")
    expect(away.get_by_role("link")).to_have_text(EVIL)
    expect(figure(page, "in quarantine")).to_have_text("1")
    letters = card(page, "Dead letters")
    expect(letters).to_contain_text(f"urn:weft:session:{EVIL}")
    expect(letters.locator(".aside")).to_have_text("1 quarantined")
    gone = card(page, "Come and gone").locator("tbody tr").first
    expect(gone).to_contain_text("session")
    letters.get_by_label("The last dead letters").focus()
    check_text_stays_text(page)
    assert [] == faults_of(page)
