"""Asking a thread for events and commands, as the protocol's third version has it."""

from typing import Any

from tests.daemon.http.listening import Heard
from tests.daemon.http.run_support import Client

ALL = ["values", "updates", "messages", "custom", "lifecycle", "input", "tools"]
EVENTS = "/threads/t/stream/events"
COMMANDS = "/threads/t/commands"


def wanted(*channels: str, **given: Any) -> dict[str, Any]:
    """Return what is asked for, for a request of a stream."""
    return {"json": {"channels": channels or ALL, **given}}


def command(method: str, **params: Any) -> dict[str, Any]:
    """Return a command."""
    return {"id": 1, "method": method, "params": params}


def told(client: Client, method: str, path: str = COMMANDS, **params: Any) -> Any:
    """Return what a command is answered with."""
    answer = client.post(path, json=command(method, **params))
    assert 200 == answer.status_code, answer.text
    return answer.json()


def started(client: Client, assistant_id: str = "count", **params: Any) -> str:
    """Start a run and return its id."""
    answer = told(client, "run.start", assistant_id=assistant_id, **params)
    assert "success" == answer["type"], answer
    run_id: str = answer["result"]["run_id"]
    return run_id


def shown(event: Heard | dict[str, Any]) -> tuple[str, Any]:
    """Return what an event says, in short."""
    told = event.data if isinstance(event, Heard) else event
    data = told["params"]["data"]
    return told["method"], data["event"] if told["method"] == "lifecycle" else data
