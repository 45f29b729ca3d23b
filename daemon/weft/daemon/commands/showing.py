"""How sessions, threads and operations are shown."""

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from weft.daemon.printing import print_json, print_lines, print_records

__all__ = ["OPERATIONS", "THREADS", "show_operations", "show_session", "show_thread"]

Doc = dict[str, Any]

THREADS: Final = {
    "THREAD": "thread_id",
    "NAME": "thread_name",
    "WORKFLOW": "workflow",
    "STATUS": "status",
    "UPDATED": "updated_at",
}
OPERATIONS: Final = {
    "SEQ": "seq",
    "AT": "at",
    "KIND": "kind",
    "OUTCOME": "outcome",
    "SESSIONS": "session_ids",
    "THREADS": "thread_ids",
    "ERROR": "reason",
}


def show_session(session: Doc, threads: list[Doc] | None, output: str) -> None:
    """Print a session, and its threads if they are given."""
    if output != "table":
        print_json(session if threads is None else session | {"threads": threads})
        return
    _show(session)
    if threads:
        print_lines([])
        print_records(threads, THREADS, "table")


def show_thread(thread: Doc, owners: list[Doc], output: str) -> None:
    """Print a thread, and who owned it."""
    if output != "table":
        print_json(thread | {"owners": owners})
        return
    _show(thread)
    for owner in owners:
        if not owner["is_active"]:
            past = f"{owner['session_id']} until {owner['updated_at']}"
            print_lines([("past owner", past)])


def show_operations(found: Iterable[Doc], limit: int, output: str) -> None:
    """Print the last of some operations."""
    last = deque(found, maxlen=limit)
    if output == "table":
        for entry in last:
            entry["reason"] = (entry["error"] or [None])[0]
    print_records(last, OPERATIONS, output, empty="nothing happened.")


def _show(record: Doc) -> None:
    print_lines(
        (name.replace("_", " "), _value(value))
        for name, value in record.items()
        if value not in (None, {}, [])
    )


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    import msgspec

    return msgspec.json.encode(value).decode()
