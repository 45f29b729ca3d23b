"""A plain workflow's thread is made of its states."""

from starlette.testclient import TestClient

from tests.daemon.http.asking import ALICE, BOB, bearer


def test_each_state_counts(client: TestClient) -> None:
    client.post("/threads", json={"thread_id": "t"})
    empty = client.get("/threads/t/storage").json()
    assert (0, {}, 0) == (empty["size_bytes"], empty["channels"], empty["states"])
    sizes = []
    for n in range(2):
        client.post("/threads/t/state", json={"values": {"n": "x" * 100 * n}})
        sizes.append(client.get("/threads/t/storage").json()["states"])
    assert sizes[1] > sizes[0] + 100


def test_somebody_elses_thread_has_no_size(guarded: TestClient) -> None:
    guarded.post("/threads", json={"thread_id": "t"}, headers=bearer(ALICE))
    path = "/threads/t/storage"
    assert 404 == guarded.get(path, headers=bearer(BOB)).status_code
    assert 200 == guarded.get(path, headers=bearer(ALICE)).status_code
    assert 404 == guarded.get("/threads/u/storage", headers=bearer(ALICE)).status_code
