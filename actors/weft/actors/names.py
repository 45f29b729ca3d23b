"""The names of a session's threads, by which clients call them.

A session without threads has no dict of its own: a million of them would take 80 MB and
a tenth of the time in which they become resident.

Guarantees: ``NO_NAMES`` stays empty; whoever writes into it fails.
"""

from types import MappingProxyType
from typing import Final, cast

from weft.storage import Thread

__all__ = ["NO_NAMES", "drop_name", "with_name"]

NO_NAMES: Final = cast("dict[str, str]", MappingProxyType({}))
"""What all sessions share that own no thread. Read-only, for what one of them wrote
would be a thread of all."""


def with_name(names: dict[str, str], thread: Thread) -> dict[str, str]:
    """Enter a thread.

    Args:
        names: thread ids by name.
        thread: enters it under its name.

    Returns:
        the same names, or the first of its own for a session that had none.
    """
    if names is NO_NAMES:
        return {thread.thread_name: thread.thread_id}
    names[thread.thread_name] = thread.thread_id
    return names


def drop_name(names: dict[str, str], name: str, thread: Thread) -> None:
    """Strike a name off, unless it is another thread's by now.

    Args:
        names: thread ids by name.
        name: what the thread was called.
        thread: whose name it was.
    """
    if names.get(name) == thread.thread_id:
        del names[name]
