"""What clients of the protocol ask first."""

from starlette.testclient import TestClient

from tests.daemon.http.asking import READER, bearer, detail_of
from weft.actors import Runtime


def test_it_is_okay_for_anybody(guarded: TestClient) -> None:
    assert {"ok": True} == guarded.get("/ok").json()
    assert {"ok": True} == guarded.get("/ok?check_db=1").json()


def test_it_says_what_there_is_to_who_may_read(guarded: TestClient) -> None:
    assert 401 == guarded.get("/info").status_code
    told = guarded.get("/info", headers=bearer(READER)).json()
    assert "weft" == told["server"]
    assert {"assistants", "threads", "runs", "crons", "store"} == {
        name for name, there in told["flags"].items() if there
    }


def test_it_is_not_okay_with_a_closed_store(
    client: TestClient, runtime: Runtime
) -> None:
    runtime.close()
    assert "closed" in detail_of(client.get("/ok?check_db=1"), 503)
    assert 200 == client.get("/ok").status_code
