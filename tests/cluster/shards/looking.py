"""What shards are asked to run, and how tests look at them."""

import threading
from collections.abc import Iterator
from typing import Any, Final

from tests.cluster.local import LocalCluster

__all__ = ["GATES", "WAIT_S", "WORKFLOWS", "create", "names", "remembered"]

WAIT_S: Final = 20.0


def greet(context: Any, config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    del context
    yield {"hello": config.get("name"), "step": 1}
    yield {"hello": config.get("name"), "step": 2}


def fail(context: Any, config: dict[str, Any]) -> None:
    del context, config
    raise ValueError("it went wrong")


GATES: dict[str, threading.Event] = {}


def wait(context: Any, config: dict[str, Any]) -> dict[str, Any]:
    del context
    GATES[config["gate"]].wait(WAIT_S)
    return {"waited": True}


WORKFLOWS = {"default": greet, "fail": fail, "wait": wait}


def create(cluster: LocalCluster, session_id: str, name: str) -> str:
    made = cluster.runtime.coordinator.create_thread_with_session(session_id, {}, name)
    return str(made.get(timeout=WAIT_S))


def names(cluster: LocalCluster, session_id: str) -> list[str]:
    threads = cluster.runtime.coordinator.list_threads(session_id).get(timeout=WAIT_S)
    return [thread.thread_name for thread in threads]


def remembered(cluster: LocalCluster) -> dict[str, dict[str, str]]:
    """What the shards' sessions have in memory."""
    views = [v for shard in cluster.post.shards.values() for v in shard.runtime.views()]
    return {view.session_id: view.threads for view in views}
