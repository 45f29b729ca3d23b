"""The page of a thread: what it shows, and what can be done with it."""

import re
from pathlib import Path

import pytest

from tests.daemon.page.browsing import Page, Watch, expect
from tests.daemon.page.places import answer, go, go_and_listen, settled
from tests.daemon.page.serving import Api

STATUS = ".w-title .badge"


@pytest.fixture
def owner(request: pytest.FixtureRequest) -> str:
    """Return the session of this test, named after it."""
    return str(request.node.name)[5:60]


@pytest.fixture
def thread_id(api: Api, owner: str) -> str:
    """Return a new thread that counts."""
    return api.session(owner, "tally")["tally"]


def press(page: Page, action: str) -> None:
    """Press one of the thread's own buttons."""
    actions = page.get_by_role("group", name="Actions")
    actions.get_by_role("button", name=re.compile(f"^{action}")).click()


def walk(api: Api, thread_id: str, gate: Path) -> str:
    """Start a run that waits at a gate before each step; return its id."""
    body = {"workflow": "walk", "config": {"gate": str(gate)}, "background": True}
    run_id: str = api.made(f"/threads/{thread_id}/executions", **body)["run_id"]
    return run_id


def test_state_and_runs_are_shown(api: Api, page: Page, thread_id: str) -> None:
    go(page, "threads", thread_id)
    expect(page.get_by_text("No state yet")).to_be_visible()
    expect(page.get_by_text("It has not run yet")).to_be_visible()
    api.run(thread_id, by=3)
    state = page.get_by_label("The last state")
    expect(state).to_have_text('{ "n": 3, "of": "count" }')
    row = page.locator(".t-runs tbody tr")
    expect(row.locator(".badge")).to_have_text("success")
    told = re.compile("^waited .*, ran .*, 3 states$")
    expect(row.get_by_role("img")).to_have_attribute("aria-label", told)
    expect(row.locator(".t-bar i")).to_have_count(3)


def test_two_states_are_compared(api: Api, page: Page, thread_id: str) -> None:
    before = {"kept": 1, "list": ["a", "b"], "gone": True, "deep": {"x": 1}}
    after = {"kept": 1, "list": ["a", "c", "d"], "deep": {"x": 2}, "new one": None}
    body = {"config": {"states": [before, {"n": 0}, after]}, "workflow": "echo"}
    api.made(f"/threads/{thread_id}/executions", **body)
    go(page, "threads", thread_id)
    page.get_by_label("From", exact=True).select_option("step 1")
    lines = page.get_by_label("From step 1 to step 3").locator("> div")
    expect(lines).to_have_count(7)
    script = (
        "found => found.map(({ className, textContent }) => [className, textContent])"
    )
    told = {
        (kind, text.split(": ", 2)[-1]) for kind, text in lines.evaluate_all(script)
    }
    assert "list[1]" in lines.first.inner_text()
    assert {("added", '"d"'), ("gone", "1"), ("added", "2"), ("gone", "true")} <= told
    expect(page.get_by_text('["new one"]: null')).to_be_visible()
    page.get_by_role("button", name="step 2").click()
    expect(page.get_by_label("From step 1 to step 2")).to_be_visible()
    page.get_by_label("From", exact=True).select_option("step 2")
    expect(page.get_by_label("State of step 2")).to_contain_text("n: 0")


def test_the_whole_history_can_be_had(api: Api, page: Page, thread_id: str) -> None:
    api.run(thread_id, by=60)
    go(page, "threads", thread_id)
    steps = page.get_by_role("list", name="States").locator("b")
    expect(steps).to_have_count(25)
    page.get_by_role("button", name="Older").click()
    expect(steps).to_have_count(60)
    expect(page.get_by_role("button", name="Older")).to_have_count(0)
    api.run(thread_id, by=10)
    expect(steps).to_have_count(70)
    assert [f"step {n}" for n in range(70, 0, -1)] == steps.all_inner_texts()
    page.get_by_label("From", exact=True).select_option("step 1")
    diff = page.get_by_label("From step 1 to step 70")
    expect(diff).to_contain_text("n: 70")


def test_a_failed_run_says_why(api: Api, page: Page, thread_id: str) -> None:
    body = {"workflow": "fail", "config": {"words": "the ink ran out"}}
    assert 500 <= api.post(f"/threads/{thread_id}/executions", json=body).status_code
    go(page, "threads", thread_id)
    expect(page.locator(".t-error")).to_have_text("ValueError: the ink ran out")
    expect(page.locator(STATUS)).to_have_text("error")


def test_it_is_run(api: Api, page: Page, thread_id: str) -> None:
    go(page, "threads", thread_id)
    press(page, "Run")
    answer(page, "Run", Config='{"by": 2}')
    expect(page.get_by_label("The last state")).to_contain_text('"n": 2')
    expect(page.get_by_text("A run of tally begins")).to_be_visible()
    (run,) = api.seen(f"/threads/{thread_id}/executions")["runs"]
    assert ("success", {"by": 2}) == (run["status"], run["config"])


def test_a_config_that_is_none_runs_nothing(
    api: Api, page: Page, thread_id: str
) -> None:
    go(page, "threads", thread_id)
    for config, words in [("{by: 2}", "That is no JSON"), ("[2]", "a JSON object")]:
        press(page, "Run")
        answer(page, "Run", Config=config)
        expect(page.locator(".toast.bad").last).to_contain_text(words)
    assert [] == api.seen(f"/threads/{thread_id}/executions")["runs"]


def test_a_running_one_is_watched_step_by_step(
    api: Api, page: Page, thread_id: str, tmp_path: Path
) -> None:
    go(page, "threads", thread_id)
    run_id = walk(api, thread_id, tmp_path)
    expect(page.locator(STATUS)).to_have_text("busy")
    live = page.get_by_role("list", name="What the run says")
    expect(page.locator(".t-state")).to_have_text("streaming")
    for n in (1, 2):
        (tmp_path / str(n)).touch()
        expect(live).to_contain_text(f'custom{{ "about": "step {n}" }}')
        expect(live).to_contain_text(f"valuesn: {n}")
    page.reload()  # what it said before is told again
    expect(live).to_contain_text("valuesn: 1")
    (tmp_path / "3").touch()
    expect(page.locator(".t-state")).to_have_text("ended")
    expect(page.locator(STATUS)).to_have_text("idle")
    assert "success" == api.seen(f"/executions/{run_id}")["status"]


def test_a_run_is_cancelled_only_when_confirmed(
    api: Api, page: Page, thread_id: str, tmp_path: Path
) -> None:
    go(page, "threads", thread_id)
    run_id = walk(api, thread_id, tmp_path)
    press(page, "Cancel run")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert "running" == api.seen(f"/executions/{run_id}")["status"]
    press(page, "Cancel run")
    answer(page, "Cancel run")
    expect(page.locator(".t-runs .badge")).to_have_text("interrupted")
    assert "interrupted" == api.seen(f"/executions/{run_id}")["status"]


def test_a_run_is_cancelled_with_its_states(
    api: Api, page: Page, thread_id: str, tmp_path: Path
) -> None:
    run_id = walk(api, thread_id, tmp_path)
    (tmp_path / "1").touch()
    go(page, "threads", thread_id)
    expect(page.get_by_label("The last state")).to_contain_text('"n": 1')
    page.get_by_role("button", name=f"Cancel run {run_id}").click()
    page.get_by_label("Take its states back").check()
    answer(page, "Cancel run")
    expect(page.get_by_text("No state yet")).to_be_visible()
    assert [] == api.seen(f"/threads/{thread_id}/states")["states"]


def test_it_is_renamed(
    api: Api, page: Page, watch: Watch, thread_id: str, owner: str
) -> None:
    watch.allow_network_errors()
    api.made(f"/sessions/{owner}/threads", threads=[{"name": "taken"}])
    go(page, "threads", thread_id)
    press(page, "Rename")
    answer(page, "Rename", New_name="score")
    expect(page.get_by_role("heading", level=1)).to_have_text("score")
    assert ["score", "taken"] == api.names(owner)
    press(page, "Rename")
    answer(page, "Rename", New_name="taken")
    expect(page.locator(".toast.bad")).to_contain_text("taken")
    assert ["score", "taken"] == api.names(owner)


def test_it_is_moved(api: Api, page: Page, thread_id: str, owner: str) -> None:
    go(page, "threads", thread_id)
    press(page, "Move")
    page.get_by_label("Create that session").check()
    answer(page, "Move", To=f"{owner}-2")
    expect(page.get_by_role("link", name=f"{owner}-2")).to_be_visible()
    assert ([], ["tally"]) == (api.names(owner), api.names(f"{owner}-2"))


def test_it_is_moved_with_its_run(
    api: Api, page: Page, thread_id: str, owner: str, tmp_path: Path
) -> None:
    api.session(f"{owner}-2")
    walk(api, thread_id, tmp_path)
    go(page, "threads", thread_id)
    expect(page.locator(".t-state")).to_have_text("streaming")
    press(page, "Move")
    page.get_by_label("A run in progress").select_option("goes along")
    answer(page, "Move", To=f"{owner}-2")
    expect(page.get_by_role("link", name=f"{owner}-2")).to_be_visible()
    (tmp_path / "1").touch()
    live = page.get_by_role("list", name="What the run says")
    expect(live).to_contain_text("valuesn: 1")
    assert ["tally"] == api.names(f"{owner}-2")
    for n in (2, 3):
        (tmp_path / str(n)).touch()
    expect(page.locator(".t-state")).to_have_text("ended")


def test_it_is_removed_only_when_confirmed(
    api: Api, page: Page, watch: Watch, thread_id: str, owner: str
) -> None:
    watch.allow_network_errors()  # what is being read of it when it goes
    go(page, "threads", thread_id)
    press(page, "Remove")
    page.get_by_role("button", name="Cancel", exact=True).click()
    assert ["tally"] == api.names(owner)
    press(page, "Remove")
    answer(page, "Remove thread")
    expect(page.locator(".w-name")).to_have_text(owner)
    expect(page.get_by_text("tally was removed")).to_be_visible()
    assert [] == api.names(owner)


def test_one_that_is_removed_elsewhere_says_so(
    api: Api, page: Page, thread_id: str
) -> None:
    go_and_listen(page, "threads", thread_id)
    settled(page)
    api.delete(f"/threads/{thread_id}/record").raise_for_status()
    expect(page.get_by_text("This thread was removed")).to_be_visible()
    expect(page.get_by_role("group", name="Actions")).to_have_count(0)


def test_one_that_is_not_there_says_so(page: Page, watch: Watch) -> None:
    watch.allow_network_errors()
    page.goto("/#/threads/nobody")
    expect(page.get_by_text("Not found")).to_be_visible()
