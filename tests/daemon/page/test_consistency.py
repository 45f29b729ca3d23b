"""The page of consistency: what is wrong is found, explained, tried and repaired."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.page.browsing import Browser, Page, expect, opened
from tests.daemon.page.places import answer, go, settled
from tests.daemon.page.serving import Api, served
from tests.storage.planting import plant
from weft.actors import Runtime
from weft.daemon.page import page_files
from weft.storage import LmdbStore
from weft.storage.check import KINDS


def damage(data: Path) -> None:
    """Make a store in which a session has lost a thread's name."""
    store = LmdbStore(data)
    with Runtime.open(store=store) as runtime:
        for name in ("draft", "notes"):
            runtime.session("ann").create_thread(name).get(timeout=5)
        plant(store, ["removed_list_entry"])


@pytest.fixture
def damaged(browser: Browser, tmp_path: Path) -> Iterator[tuple[Page, Api]]:
    """Return the page of a daemon whose store is damaged, and a client of it."""
    damage(tmp_path / "data")
    with (
        served(tmp_path / "data") as api,
        opened(browser, api.url) as (page, watch),
    ):
        go(page, "consistency")
        settled(page)
        yield page, api
        assert [] == watch.faults


def test_every_kind_of_finding_is_explained() -> None:
    source = page_files()["findings.js"].body.decode()
    assert [] == [kind for kind in KINDS if f"  {kind}: [" not in source]


def test_a_finding_is_explained_tried_and_repaired(damaged: tuple[Page, Api]) -> None:
    page, api = damaged
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("missing thread")).to_be_visible()
    expect(page.get_by_text("No session lists this thread")).to_be_visible()
    page.get_by_role("button", name="Try the repair").click()
    trial = page.get_by_role("region", name="What the repair would do")
    expect(trial.locator(".gone")).to_contain_text("the session does not list it")
    expect(trial.locator(".added")).to_contain_text("on the list of 'ann'")
    assert 1 == len(api.names("ann"))  # nothing was changed
    page.get_by_role("button", name="Repair…").click()
    answer(page, "Repair")
    done = page.get_by_role("region", name="What the repair did")
    expect(done.locator(".added")).to_contain_text("on the list of 'ann'")
    expect(page.get_by_text("Nothing to repair")).to_be_visible()
    assert ["draft", "notes"] == api.names("ann")
    last = api.seen("/operations", order="desc")["operations"][0]
    assert "Repair" == last["kind"]


def test_a_repair_that_is_not_confirmed_is_none(damaged: tuple[Page, Api]) -> None:
    page, api = damaged
    page.get_by_role("button", name="Repair…").click()
    answer(page, "Cancel")
    assert 1 == len(api.names("ann"))


def test_a_clean_store_is_told_to_be_so(api: Api, page: Page) -> None:
    api.session("ann", "notes")
    go(page, "consistency")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("Everything agrees.")).to_be_visible()
    expect(page.get_by_text("Nothing to repair")).to_be_visible()
    page.get_by_role("button", name="Try the repair").click()
    expect(page.get_by_text("There is nothing to repair.")).to_be_visible()


def test_one_session_alone_can_be_checked(api: Api, page: Page) -> None:
    api.session("cat", "notes")
    go(page, "consistency", query="?session=cat")
    expect(page.get_by_role("heading", level=1)).to_have_text("Consistency of cat")
    expect(page.get_by_text("Not checked yet")).to_be_visible()
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("Nothing to repair")).to_be_visible()
