"""What the actors do, by kind and by name, over HTTP."""

from typing import Any

from starlette.testclient import TestClient

from weft.actors import Runtime


def look(client: TestClient) -> Any:
    return client.get("/figures/actors").raise_for_status().json()


def kind_of(seen: Any, name: str) -> Any:
    return next(kind for kind in seen["kinds"] if kind["kind"] == name)


def test_kinds_are_counted_and_the_busy_are_named(
    client: TestClient, runtime: Runtime
) -> None:
    before = look(client)
    kinds = [kind["kind"] for kind in before["kinds"]]
    assert ["session", "thread", "root", "system"] == kinds
    assert ([], 0) == (before["busiest"], before["operations"])
    for number in range(60):
        runtime.session("a").create_thread(f"n{number}").get(timeout=5)
    runtime.session("b").create_thread("n").get(timeout=5)
    seen = look(client)
    named = [(one["session_id"], one["operations"]) for one in seen["busiest"]]
    assert [("a", 60), ("b", 1)] == named
    assert "CreateThreads" == seen["busiest"][0]["last_kind"]
    assert 61 == seen["operations"]
    session = kind_of(seen, "session")
    assert {"idle": 2, "quarantined": 0} == session["resident"]
    assert 2 == session["started"]
    assert session["turn"]["count"] > 100
    assert session["turn"]["p50_s"] <= session["turn"]["p99_s"]
    assert session["turn"]["p99_s"] <= session["turn"]["longest_s"]
    assert 0 < session["busy_share"] < 1


def test_percentiles_of_a_few_are_not_told(
    client: TestClient, runtime: Runtime
) -> None:
    look(client)
    runtime.session("a").create_thread("n").get(timeout=5)
    turn = kind_of(look(client), "session")["turn"]
    assert 0 < turn["count"] < 100
    assert (None, None) == (turn["p50_s"], turn["p99_s"])
    assert turn["longest_s"] > 0
