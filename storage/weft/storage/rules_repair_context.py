"""What one repair works with: the finding, the thread as it is, and what was done."""

from typing import Any, Final

from msgspec.structs import replace

from weft.storage import operations as op
from weft.storage.ids import NAME_SIZE_BYTES_MAX
from weft.storage.keys import association_key, name_key, thread_key
from weft.storage.records import EMPTY, Association, Thread, Tombstone
from weft.storage.rules_context import Context

__all__ = ["Mending"]

_LAST_REV: Final = 1 << 62
"""Of a thread whose record is gone: whatever actor it had, it is of no later life."""


class Mending:
    """A repair in progress.

    Args:
        context: the decision.
        operation: the finding.

    Attributes:
        thread: the thread's record as it is, None if it has none.
        stone: its tombstone, if it has one.
        fixes: what was done, a sentence's end each.
    """

    def __init__(self, context: Context, operation: op.Repair) -> None:
        self.context = context
        self.operation = operation
        self.session_id = operation.session_id or ""
        self.thread_id = operation.thread_id or ""
        self.thread: Thread | None = None
        self.stone: Tombstone | None = None
        self.fixes: list[str] = []
        if operation.thread_id is not None and operation.fault != "damaged_record":
            head = context.draft.get(thread_key(self.thread_id))
            self.thread = head if isinstance(head, Thread) else None
            self.stone = head if isinstance(head, Tombstone) else None

    @property
    def rev(self) -> int | None:
        """The live thread's; None if it does not live, or the value is damaged."""
        return None if self.thread is None else self.thread.rev

    @property
    def is_owner(self) -> bool:
        """Whether the session at hand is the one that the record names."""
        return self.thread is not None and self.thread.session_id == self.session_id

    def did(self, what: str) -> None:
        """Note what was done."""
        subject = self.thread_id or self.session_id
        self.fixes.append(f"{subject}: {what}" if subject else what)

    def current(self) -> Thread:
        """Return the thread as the draft has it now."""
        found: Thread = self.context.draft.get(thread_key(self.thread_id))
        return found

    def row(self) -> Association | None:
        """Return the association of the session and the thread at hand."""
        key = association_key(self.thread_id, self.session_id)
        found: Association | None = self.context.draft.get(key)
        return found

    def listed(self) -> list[str]:
        """Return the names of the finding under which the session lists the thread."""
        draft, session_id = self.context.draft, self.session_id
        return [
            name
            for name in self.operation.items
            if draft.get(name_key(session_id, name)) == self.thread_id
        ]

    def unlist(self, name: str, *, renamed: bool = False) -> None:
        """Take the thread off the session's list, and tell the session."""
        session_id, context = self.session_id, self.context
        context.draft.put(name_key(session_id, name), None)
        self.did(f"took {name!r} off the list of {session_id!r}")
        if renamed and self.thread is not None:
            context.tell(session_id, "renamed", self.thread, name)
            return
        thread = self.thread or self.ghost(session_id)
        gone = replace(thread, session_id=session_id, thread_name=name)
        counterpart = None if self.thread is None else self.thread.session_id
        context.tell(session_id, "released", gone, counterpart)

    def ghost(self, session_id: str) -> Thread:
        """Return what stands for a thread without a record in the news of its end."""
        rev = _LAST_REV if self.stone is None else self.stone.rev
        return Thread(
            self.thread_id, session_id, "", "idle", None, EMPTY, EMPTY, 0, 0, rev, 0, 0
        )

    def free_name(self, thread: Thread) -> str:
        """Return a name that nobody has in the thread's session: made of its id."""
        tail = f"~{thread.thread_id}"
        room = NAME_SIZE_BYTES_MAX - len(tail.encode()) - 4
        stem = thread.thread_name.encode()[:room].decode(errors="ignore")
        name, number = stem + tail, 1
        while self._is_taken(thread.session_id, name):
            number += 1
            name = f"{stem}{tail}~{number}"
        return name

    def _is_taken(self, session_id: str, name: str) -> bool:
        holder: Any = self.context.draft.get(name_key(session_id, name))
        return holder is not None
