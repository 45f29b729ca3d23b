"""The operation log over HTTP: as a list, and as it grows."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import ADMIN, ALICE, bearer, detail_of, token_file
from tests.daemon.http.listening import listening
from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.daemon.http import Tokens
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer
from weft.storage import CreateSession, Expire, MemoryStore, SessionExists
from weft.storage.keys import log_place
from weft.storage.store import clock_us


@pytest.fixture
def url(runtime: Runtime) -> Iterator[str]:
    app = create_app(runtime)
    with BackgroundServer(
        app, bind(Address("127.0.0.1", 0)), on_stopping=app.goodbye
    ) as server:
        yield server.url


def create(runtime: Runtime, *session_ids: str, user_id: str | None = None) -> None:
    for session_id in session_ids:
        created = runtime.coordinator.create_session(session_id, user_id=user_id)
        created.get(timeout=5)


def refuse(runtime: Runtime, session_id: str) -> None:
    with pytest.raises(SessionExists):
        runtime.coordinator.create_session(session_id).get(timeout=5)


# -- as a list -----------------------------------------------------------------------


def test_pages_lose_no_refusal(client: TestClient, runtime: Runtime) -> None:
    create(runtime, "a")
    for _ in range(3):
        refuse(runtime, "a")
    create(runtime, "b")
    refuse(runtime, "a")
    pages: list[list[Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(f"/operations?limit=2{cursor}").json()
        pages.append([entry["seq"] for entry in page["operations"]])
        following = page["next_cursor"]
        cursor = None if following is None else f"&cursor={following}"
    assert [[1, None], [None, None], [2, None], []] == pages


def test_the_newest_come_first_if_asked(client: TestClient, runtime: Runtime) -> None:
    create(runtime, "a", "b")
    refuse(runtime, "a")
    create(runtime, "c")
    pages: list[list[Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(f"/operations?order=desc&limit=3{cursor}").json()
        pages.append([entry["seq"] for entry in page["operations"]])
        following = page["next_cursor"]
        cursor = None if following is None else f"&cursor={following}"
    assert [[3, None, 2], [1]] == pages
    newest = client.get("/operations?order=desc&after_seq=1&session_id=b").json()
    assert [2] == [entry["seq"] for entry in newest["operations"]]


def test_a_page_from_the_end_ends_when_it_has_looked_at_enough(
    client: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.daemon.http.log.LOOKED_AT_MAX", 2)
    create(runtime, "a", "b", "c")
    page = client.get("/operations?order=desc&session_id=a").json()
    assert ([], "2.0") == (page["operations"], page["next_cursor"])
    query = f"order=desc&session_id=a&cursor={page['next_cursor']}"
    page = client.get(f"/operations?{query}").json()
    assert [1] == [entry["seq"] for entry in page["operations"]]
    assert page["next_cursor"] is None


def test_entries_are_found_by_session_thread_and_seq(
    client: TestClient, runtime: Runtime
) -> None:
    create(runtime, "a", "b")
    runtime.session("a").create_thread("n", thread_id="t").get(timeout=5)
    runtime.thread("t").transfer_to("b").get(timeout=5)

    def seqs(query: str) -> list[int]:
        found = client.get(f"/operations?{query}").json()["operations"]
        return [entry["seq"] for entry in found]

    assert [1, 2, 3, 4] == seqs("")
    assert [1, 3, 4] == seqs("session_id=a")
    assert [3, 4] == seqs("thread_id=t")
    assert [4] == seqs("after_seq=3&session_id=b")


def test_a_refusal_is_told_with_its_reason(
    client: TestClient, runtime: Runtime
) -> None:
    create(runtime, "a")
    headers = {"Idempotency-Key": "again"}
    body = {"session_id": "a"}
    assert 409 == client.post("/sessions", json=body, headers=headers).status_code
    entry = client.get("/operations/again").json()
    assert ("refused", None) == (entry["outcome"], entry["seq"])
    assert "SessionExists" == entry["error"][0]
    assert "no operation" in detail_of(client.get("/operations/other"), 404)


# -- as it grows ---------------------------------------------------------------------


def test_a_follower_hears_of_every_change_in_order(url: str, runtime: Runtime) -> None:
    create(runtime, "before")
    with listening(f"{url}/events") as stream:
        (position,) = stream.take(1)
        assert ("position", {"seq": 1}, "1") == position
        create(runtime, "a")
        refuse(runtime, "a")
        create(runtime, "b")
        first, second = stream.take(2)
        assert ("operation", "2", ["a"]) == (
            first.event,
            first.id,
            first.data["session_ids"],
        )
        assert ("operation", "3") == (second.event, second.id)


@pytest.mark.parametrize("cut", [0, 1, 37, 299, 300])
def test_a_follower_goes_on_behind_its_last_event(
    url: str, runtime: Runtime, cut: int
) -> None:
    create(runtime, *(f"s{number}" for number in range(300)))
    with listening(f"{url}/events?after_seq=0") as stream:
        first = [event.id for event in stream.take(1 + cut)]
    with listening(f"{url}/events", {"Last-Event-ID": first[-1]}) as stream:
        second = [event.id for event in stream.take(1 + 300 - cut)]
    assert [str(seq) for seq in range(1, 301)] == first[1:] + second[1:]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_ten_thousand_events_cut_at_fifty_places_are_each_heard_once(
    url: str, runtime: Runtime
) -> None:
    number, random = 10_000, Random(50)
    futures = [runtime.coordinator.create_session() for _ in range(number)]
    for future in futures:
        future.get(timeout=60)
    cuts = [0, *sorted(random.sample(range(1, number), 50)), number]
    heard: list[str] = []
    for first, last in pairwise(cuts):
        place = {"Last-Event-ID": heard[-1] if heard else "0"}
        with listening(f"{url}/events", place) as stream:
            heard += [event.id for event in stream.take(1 + last - first)[1:]]
    assert [str(seq) for seq in range(1, number + 1)] == heard


def test_only_what_is_asked_for_is_told(url: str, runtime: Runtime) -> None:
    with listening(f"{url}/events?session_id=b") as stream:
        stream.take(1)
        create(runtime, "a", "b", "c")
        (heard,) = stream.take(1)
        assert ("operation", "2") == (heard.event, heard.id)


def test_what_passes_a_reader_by_moves_its_place(url: str, runtime: Runtime) -> None:
    with listening(f"{url}/events?session_id=none") as stream:
        stream.take(1)
        create(runtime, *(f"s{number}" for number in range(256)))
        (position,) = stream.take(1)
        assert ("position", "256") == (position.event, position.id)


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "9" * 20])
def test_a_place_that_is_none_is_refused(client: TestClient, given: str) -> None:
    answer = client.get("/events", headers={"Last-Event-ID": given})
    assert "Last-Event-ID" in detail_of(answer, 422)


def test_a_follower_is_told_of_what_the_log_has_forgotten() -> None:
    store = MemoryStore()
    now_us = clock_us()
    store.apply(
        [
            CreateSession(op_id=f"o{n}", at_us=now_us, session_id=f"s{n}")
            for n in range(5)
        ]
    )
    forgotten = tuple((log_place(n + 1), f"o{n}") for n in range(3))
    store.apply([Expire(op_id="expire", at_us=now_us, log=forgotten)])
    with Runtime.open(store=store) as runtime:
        app = create_app(runtime)
        with (
            BackgroundServer(
                app, bind(Address("127.0.0.1", 0)), on_stopping=app.goodbye
            ) as server,
            listening(f"{server.url}/events", {"Last-Event-ID": "1"}) as stream,
        ):
            _, gap, following = stream.take(3)
    assert ("gap", {"after_seq": 1, "resume_after": 3}, "3") == gap
    assert "4" == following.id


def test_a_follower_that_is_bound_hears_of_its_own_sessions(
    runtime: Runtime, tmp_path: Path
) -> None:
    app = create_app(runtime, None, Tokens(token_file(tmp_path)))
    with (
        BackgroundServer(
            app, bind(Address("127.0.0.1", 0)), on_stopping=app.goodbye
        ) as server,
        listening(f"{server.url}/events", bearer(ALICE)) as stream,
        listening(f"{server.url}/events", bearer(ADMIN)) as everything,
    ):
        stream.take(1)
        create(runtime, "of-bob", user_id="bob")
        create(runtime, "of-alice", user_id="alice")
        assert ["of-alice"] == stream.take(1)[0].data["session_ids"]
        assert 3 == len(everything.take(3))
