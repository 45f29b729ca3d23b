"""The LangGraph SDK drives crons, plain and asynchronous."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError

from tests.daemon.sdk_runs.conftest import Sdk

NINE = "0 9 * * *"
END = datetime(2200, 1, 1, tzinfo=UTC)


def remove(cron_id: str, client: Any) -> Any:
    return client.crons.delete(cron_id)


@pytest.fixture(autouse=True)
def _without_crons(sdk: Sdk) -> Iterator[None]:
    yield
    for cron in sdk.do(lambda c: c.crons.search(limit=100)):
        sdk.do(partial(remove, cron["cron_id"]))


def test_a_cron_is_created_changed_found_and_removed(sdk: Sdk) -> None:
    cron = sdk.do(
        lambda c: c.crons.create(
            "three",
            schedule=NINE,
            input={"about": "weather"},
            metadata={"kind": "report"},
            config={"configurable": {"model": "small"}},
            context={"who": "me"},
            interrupt_before=["one"],
            multitask_strategy="interrupt",
            on_run_completed="keep",
            end_time=END,
            enabled=True,
            timezone=ZoneInfo("Europe/Berlin"),
            stream_mode=["values", "updates"],
            durability="sync",
        )
    )
    cron_id = cron["cron_id"]
    assert "Europe/Berlin" == cron["timezone"]
    assert END == datetime.fromisoformat(cron["end_time"])
    assert ["values", "updates"] == cron["payload"]["stream_mode"]
    changed = sdk.do(
        lambda c: c.crons.update(
            cron_id, schedule="@hourly", end_time=None, enabled=False
        )
    )
    assert ("@hourly", None, False) == (
        changed["schedule"],
        changed["end_time"],
        changed["enabled"],
    )
    assert {"about": "weather"} == changed["payload"]["input"]
    assert [changed] == sdk.do(lambda c: c.crons.search(enabled=False))
    assert 1 == sdk.do(lambda c: c.crons.count(metadata={"kind": "report"}))
    assert None is sdk.do(lambda c: c.crons.delete(cron_id))
    assert 0 == sdk.do(lambda c: c.crons.count())
    with pytest.raises(NotFoundError):
        sdk.do(lambda c: c.crons.delete(cron_id))


def test_a_thread_has_crons_of_its_own(sdk: Sdk) -> None:
    thread_id = sdk.thread()
    made = sdk.do(
        lambda c: c.crons.create_for_thread(
            thread_id, "count", schedule=NINE, timezone="America/New_York"
        )
    )
    sdk.do(lambda c: c.crons.create("count", schedule=NINE))
    assert thread_id == made["thread_id"]
    found = sdk.do(lambda c: c.crons.search(thread_id=thread_id, assistant_id="count"))
    assert [made] == found
    assert 1 == sdk.do(lambda c: c.crons.count(thread_id=thread_id))
    fields = ["cron_id", "next_run_date"]
    chosen = sdk.do(
        lambda c: c.crons.search(
            select=fields, sort_by="next_run_date", sort_order="asc", limit=1
        )
    )
    assert [set(fields)] == [set(cron) for cron in chosen]


def test_what_is_wrong_is_told_with_its_type(sdk: Sdk) -> None:
    with pytest.raises(UnprocessableEntityError, match="schedule"):
        sdk.do(lambda c: c.crons.create("count", schedule="now and then"))
    with pytest.raises(NotFoundError, match="assistant"):
        sdk.do(lambda c: c.crons.create("nobody", schedule=NINE))
    with pytest.raises(NotFoundError):
        sdk.do(lambda c: c.crons.create_for_thread("none", "count", schedule=NINE))
