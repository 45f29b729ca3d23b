"""Assistants of a real daemon: they survive kill -9, and an export carries them."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from tests.daemon.asking import ask, url_in
from tests.daemon.child import DEADLINE_S, first_line, weft
from tests.daemon.http.asking import client_of
from weft.actors import Runtime
from weft.daemon.http.assistant_journal import Journal, OwnAssistant
from weft.daemon.main import run

APP = """
from weft.actors import workflow

@workflow
def show(context, config):
    return config

flows = [show]
"""


def show(_context: Any, config: Any) -> Any:
    return config


def send(url: str, method: str, body: Any) -> Any:
    headers = {"Content-Type": "application/json"}
    answer = ask(url, method, msgspec.json.encode(body), headers)
    assert 200 == answer.status, answer.body
    return answer.json


def kept(data: Path) -> list[OwnAssistant]:
    """Return the assistants of a store that nobody has open."""
    with Runtime.open(data) as runtime:
        return asyncio.run(Journal(runtime.coordinator).all())


def test_kill_9_loses_no_version_and_an_export_has_all(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "flows.py").write_text(APP)
    where = ("--data", data, "--listen", "127.0.0.1:0", "--app", "flows:flows")
    with weft("serve", *where, cwd=tmp_path) as child:
        url = f"{url_in(first_line(child))}/assistants"
        made = send(url, "POST", {"graph_id": "show", "context": {"a": 1}})
        url = f"{url}/{made['assistant_id']}"
        for n in (2, 3):
            send(url, "PATCH", {"name": f"number {n}", "context": {"a": n}})
        last = send(f"{url}/latest", "POST", {"version": 2})
        child.kill()
        child.wait(DEADLINE_S)
    with Runtime.open(data, workflows={"show": show}) as runtime:
        assert runtime.check().clean
        with client_of(runtime) as client:
            path = f"/assistants/{made['assistant_id']}"
            assert last == client.get(path).json()
            versions = client.post(f"{path}/versions", json={}).json()
            assert [3, 2, 1] == [version["version"] for version in versions]
            body = {"assistant_id": made["assistant_id"]}
            assert {"a": 2} == client.post("/runs/wait", json=body).json()["context"]
    file, empty, other = (tmp_path / name for name in ("x.jsonl", "empty", "other"))
    assert 0 == run(["export", "--data", str(data), "--out", str(file), "--quiet"])
    with Runtime.open(other) as runtime:  # has a log of its own, so gives own numbers
        runtime.coordinator.create_session("s").get(timeout=DEADLINE_S)
    for place in (empty, other):
        assert 0 == run(["import", str(file), "--data", str(place), "--quiet"])
    assert kept(data) == kept(empty) == kept(other)
