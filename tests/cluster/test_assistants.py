"""Assistants before a cluster: two daemons change one at once, and lose nothing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.local import LocalCluster, ids_on
from tests.daemon.http.asking import client_of

(THERE,) = ids_on(1, 2, 1)


def show(_context: Any, config: Any) -> Any:
    return config


def test_two_daemons_change_one_assistant(address: str) -> None:
    with LocalCluster(address, 2, {"show": show}) as cluster:
        runtime: Any = cluster.runtime
        with client_of(runtime) as one, client_of(runtime) as other:
            asked = {"graph_id": "show", "context": {"a": 1}}
            made = one.post("/assistants", json=asked).json()
            path = f"/assistants/{made['assistant_id']}"

            def update(number: int) -> int:
                body = {"metadata": {str(number): number}}
                answer = (one, other)[number % 2].patch(path, json=body)
                assert 200 == answer.status_code, answer.text
                version: int = answer.json()["version"]
                return version

            with ThreadPoolExecutor(4) as pool:
                assert set(range(2, 10)) == set(pool.map(update, range(8)))
            assert {str(n): n for n in range(8)} == other.get(path).json()["metadata"]
            thread = {"thread_id": "t", "metadata": {"session_id": THERE}}
            assert 200 == one.post("/threads", json=thread).status_code
            body = {"assistant_id": made["assistant_id"]}
            given = other.post("/threads/t/runs/wait", json=body).json()
            assert {"a": 1} == given["context"]
            gone = other.delete(path, params={"delete_threads": True})
            assert 204 == gone.status_code
            assert 404 == one.get(path).status_code == one.get("/threads/t").status_code
