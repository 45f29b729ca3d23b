"""Makes ``checkpoints.db`` with the real package, which no test needs.

In an environment of its own: ``pip install langgraph-checkpoint-sqlite==3.1.2
langchain-core pydantic``, then ``python make.py checkpoints.db``.
"""

import dataclasses
import decimal
import enum
import ipaddress
import pathlib
import sqlite3
import sys
import uuid
from collections import deque
from datetime import UTC, date, datetime, time, timedelta
from importlib import import_module
from typing import Any

messages: Any = import_module("langchain_core.messages")
base: Any = import_module("langgraph.checkpoint.base")
sqlite: Any = import_module("langgraph.checkpoint.sqlite")


class Colour(enum.Enum):
    """A class of the application's own."""

    RED = "red"


@dataclasses.dataclass
class Order:
    """Another."""

    number: int
    items: list[str]


def config(thread_id: str, namespace: str = "", checkpoint_id: str = "") -> Any:
    """Return what names a checkpoint."""
    found = {"thread_id": thread_id, "checkpoint_ns": namespace}
    if checkpoint_id:
        found["checkpoint_id"] = checkpoint_id
    return {"configurable": found}


VALUES: dict[str, Any] = {
    "plain": {"a": [1, 2.5, None, True], "b": "text", "raw": b"\x00\xff"},
    "uuid": uuid.UUID(int=7),
    "decimal": decimal.Decimal("1.50"),
    "moment": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    "local": datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001
    "date": date(2026, 1, 2),
    "time": time(3, 4, 5),
    "span": timedelta(days=1, seconds=2),
    "set": {1},
    "frozen": frozenset(["x"]),
    "queue": deque([1, 2]),
    "path": pathlib.Path("a/b"),
    "address": ipaddress.IPv4Address("127.0.0.1"),
    "messages": [
        messages.HumanMessage("hello", id="m1"),
        messages.AIMessage("hi", id="m2"),
    ],
    "colour": Colour.RED,
    "order": Order(3, ["tea"]),
    "branch:to:agent": None,
    "__start__": {"x": 1},
}


def save(saver: Any, thread_id: str, namespace: str, values: Any, n: int) -> Any:
    """Put one checkpoint."""
    checkpoint = base.empty_checkpoint() | {"channel_values": values}
    versions = dict.fromkeys(values, f"{n}.0")
    return saver.put(
        config(thread_id, namespace),
        checkpoint,
        {"source": "loop", "step": n, "parents": {}},
        versions,
    )


def main(path: str) -> None:
    """Write the database."""
    with sqlite3.connect(path, check_same_thread=False) as connection:
        saver = sqlite.SqliteSaver(connection)
        saver.setup()
        for n in range(3):
            save(saver, "counter", "", {"count": n}, n)
        save(saver, "counter", "child:1", {"inner": [1]}, 0)
        last = save(saver, "types", "", VALUES, 0)
        saver.put_writes(
            last, [("count", 4), ("messages", messages.HumanMessage("late"))], "task-1"
        )
        save(saver, "leer \N{SNOWMAN}", "", {}, 0)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
