"""Probes learn whether it is well; with ``?verbose``, which part is not."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.testclient import TestClient

from weft.actors import Runtime
from weft.actors.health import HealthPart
from weft.daemon.app import create_app

DEADLINE_S = 10.0


def test_a_probe_is_told_one_word(guarded: TestClient) -> None:
    answer = guarded.get("/readyz")
    assert (200, {"status": "ready"}) == (answer.status_code, answer.json())


def test_with_verbose_it_is_told_of_every_part(guarded: TestClient) -> None:
    parts = guarded.get("/readyz?verbose").json()["parts"]
    names = {"store", "writer", "dispatcher", "check", "disk"}
    assert dict.fromkeys(names, "ok") == parts


def test_a_part_that_is_not_well_is_named_and_no_more(
    guarded: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = HealthPart(ok=False, detail="a secret")
    monkeypatch.setattr("weft.actors.health._disk", lambda _: bad)
    answer = guarded.get("/readyz?verbose=1")
    assert "bad" == answer.json()["parts"]["disk"]
    assert "secret" not in answer.text


def test_a_runtime_that_was_closed_is_not_ready(
    client: TestClient, runtime: Runtime
) -> None:
    runtime.close()
    assert 503 == client.get("/readyz?verbose").status_code
    assert 503 == client.get("/metrics").status_code


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_probes_do_not_wait_behind_long_reads(runtime: Runtime, path: str) -> None:
    """Readers with a token could make the daemon unready for whoever restarts it."""
    go_on = threading.Event()
    transport = httpx.ASGITransport(create_app(runtime))

    async def asked() -> int:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        reading = loop.run_in_executor(None, go_on.wait)
        try:
            async with (
                asyncio.timeout(DEADLINE_S),
                httpx.AsyncClient(
                    transport=transport, base_url="http://127.0.0.1"
                ) as client,
            ):
                return (await client.get(path)).status_code
        finally:
            go_on.set()
            await reading

    assert 200 == asyncio.run(asked())
