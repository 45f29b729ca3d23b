"""The LangGraph SDK comes back by itself when a daemon dies under it."""

from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import get_sync_client

from tests.daemon.http.run_child import killed_at_the_end
from tests.ports import free_port


@pytest.mark.long
def test_the_sdk_goes_on_by_itself_after_kill_9(tmp_path: Path) -> None:
    """It comes back after a second or more, so it is no default test."""
    port = free_port()
    how: dict[str, Any] = {"input": {"to": 300}, "if_not_exists": "create"}
    with killed_at_the_end(tmp_path, port=port) as client:
        sdk = get_sync_client(url=str(client.base_url))
        parts = sdk.runs.stream("t", "steps", **how)
        heard = [next(parts) for _ in range(30)]
    with killed_at_the_end(tmp_path, port=port):
        heard += parts
    sdk.close()
    values = [part.data["n"] for part in heard if part.event == "values"]
    assert [*range(1, 301)] == values
    assert "end" == heard[-1].event
