"""Searching sessions that are at hand."""

import pytest

from weft.daemon.http import session_search
from weft.daemon.http.session_search import search
from weft.storage import Session
from weft.storage.records import EMPTY


def session(session_id: str, user_id: str | None = None) -> Session:
    return Session(session_id, user_id, "open", EMPTY, 0, 0, 1, 1, 1)


SESSIONS = [session("Alpha"), session("beta", "ALF"), session("gamma")]


def ids(sessions: list[Session]) -> list[str]:
    return [found.session_id for found in sessions]


def test_case_makes_no_difference() -> None:
    found, cursor = search(SESSIONS, "alF", 10)
    assert (["beta"], None) == (ids(found), cursor)
    assert ["Alpha"] == ids(search(SESSIONS, "LPH", 10)[0])


def test_a_full_page_says_where_to_go_on() -> None:
    found, cursor = search(SESSIONS, "a", 2)
    assert (["Alpha", "beta"], "beta") == (ids(found), cursor)


def test_a_search_stops_when_it_has_looked_at_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_search, "LOOKED_AT_MAX", 1)
    assert ([], "Alpha") == search(SESSIONS, "gamma", 10)


def test_what_is_not_wanted_is_not_found() -> None:
    found, _ = search(SESSIONS, "a", 10, lambda each: each.user_id is not None)
    assert ["beta"] == ids(found)
