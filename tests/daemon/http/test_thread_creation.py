"""Threads that come at the same time: each finds its session, none is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import ALICE, bearer
from weft.actors import Runtime
from weft.daemon.http.thread_creation import TimeToLive, folded, retention_of
from weft.storage import InvalidArgument
from weft.storage.retention import HISTORY_KEY, History

AT_ONCE = 8


def at_once(create: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(create, range(AT_ONCE)))


@pytest.mark.parametrize("metadata", [{}, {"session_id": "s"}])
def test_all_find_the_session_that_one_of_them_creates(
    guarded: TestClient, runtime: Runtime, metadata: dict[str, Any]
) -> None:
    def create(_n: int) -> Any:
        new = {"metadata": metadata}
        return guarded.post("/threads", json=new, headers=bearer(ALICE))

    answers = at_once(create)
    assert [200] * AT_ONCE == [answer.status_code for answer in answers]
    (owner,) = {answer.json()["metadata"]["session_id"] for answer in answers}
    session = runtime.coordinator.get_session(owner).get(timeout=5)
    assert "alice" == session.user_id
    assert AT_ONCE == len(runtime.coordinator.list_threads(owner).get(timeout=5))


def test_one_of_those_that_want_an_id_creates_it_and_the_others_open_it(
    client: TestClient,
) -> None:
    new = {"thread_id": "t", "if_exists": "do_nothing"}
    answers = at_once(lambda _n: client.post("/threads", json=new))
    assert [200] * AT_ONCE == [answer.status_code for answer in answers]
    assert 1 == len({answer.content for answer in answers})


def test_a_closed_session_that_is_named_is_not_replaced(
    client: TestClient, runtime: Runtime
) -> None:
    client.post("/threads", json={"metadata": {"session_id": "s"}})
    runtime.coordinator.close_session("s").get(timeout=5)
    answer = client.post("/threads", json={"metadata": {"session_id": "s"}})
    assert "SessionClosed" == answer.json()["code"]


@pytest.mark.parametrize(
    ("values", "update", "folded_values"),
    [
        (None, {"a": 1}, {"a": 1}),
        ({"a": 1, "b": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, None, {"a": 1}),
        ({"a": 1}, [1], [1]),
        ([1], {"a": 1}, {"a": 1}),
    ],
)
def test_an_update_replaces_keys_or_the_whole(
    values: Any, update: Any, folded_values: Any
) -> None:
    assert folded_values == folded(values, None, update)


def test_a_command_is_no_update_of_a_plain_workflow() -> None:
    with pytest.raises(InvalidArgument):
        folded({}, {"goto": "x"}, None)


def test_minutes_to_live_are_seconds_of_retention() -> None:
    kept = retention_of(TimeToLive(1.5, "keep_latest"))[HISTORY_KEY]
    assert History("keep_latest", ttl_s=90.0) == History(**kept)
    assert {} == retention_of(None)
