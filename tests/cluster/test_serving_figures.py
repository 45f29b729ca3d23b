"""The page's figures on a cluster: numbers of all shards, and no names."""

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.local import LocalCluster, ids_on
from tests.daemon.http.asking import client_of

(HERE,) = ids_on(0, 2, 1)
(THERE,) = ids_on(1, 2, 1)


def test_actors_and_store_are_added_up_and_nobody_is_named(address: str) -> None:
    with (
        LocalCluster(address, 2, {}) as cluster,
        client_of(cluster.runtime) as client,  # type: ignore[arg-type]  # the same face
    ):
        for session_id in (HERE, THERE):
            made = client.post("/sessions", json={"session_id": session_id})
            assert 201 == made.status_code
        actors = client.get("/figures/actors").raise_for_status().json()
        store = client.get("/figures/store").raise_for_status().json()
    session = next(kind for kind in actors["kinds"] if kind["kind"] == "session")
    assert 2 == sum(session["resident"].values())
    assert ([], [], []) == (actors["busiest"], actors["mailboxes"], actors["away"])
    log = next(tree for tree in store["trees"] if tree["tree"] == "L")
    assert log["entries"] >= 2
    assert (None, None, None) == (
        store["log"]["first_seq"],
        store["kept"],
        store["last_backup"],
    )
