"""What the second pass of the check stands on: look up, tell once, go on if damaged."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec.structs import replace

from weft.storage import keys
from weft.storage.check_scan import DAMAGED, ELSEWHERE, Counting, Entry, Pass
from weft.storage.errors import StoreCorrupt
from weft.storage.ids import unpack_id
from weft.storage.records import (
    Thread,
)
from weft.storage.snapshot import Snapshot

__all__ = ["KINDS", "Inconsistency", "Kind", "Lookup", "run_ids"]

Kind = Literal[
    "orphan_thread",
    "missing_thread",
    "owner_mismatch",
    "duplicate_owner",
    "missing_association",
    "orphan_association",
    "name_mismatch",
    "dangling_index_entry",
    "missing_index_entry",
    "run_without_thread",
    "state_without_thread",
    "checkpoint_without_thread",
    "value_without_checkpoint",
    "broken_checkpoint",
    "thread_without_session",
    "log_gap",
    "counter_mismatch",
    "damaged_record",
    "name_collision",
    "expired_association",
]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Inconsistency(msgspec.Struct, frozen=True):
    """One place where the copies disagree.

    Attributes:
        session_id: the session to look at, None where none is known.
        thread_id: the thread to look at, None where it is about none.
        detail: the facts found, in a sentence.
        index: which index it is about, where its kind has several: ``names``,
            ``past``, ``runs``, ``queue``, ``steps``, ``checkpoints`` or
            ``operations``.
        items: what is to be mended: names on the session's list, runs, an operation
            and its place, or tree and key of a damaged value.
        rev: the live thread's, None where there is none.
    """

    kind: Kind
    session_id: str | None
    thread_id: str | None
    detail: str
    index: str = ""
    items: tuple[str, ...] = ()
    rev: int | None = None


class Lookup(Pass):
    """Looks up what entries refer to, and names what is wrong."""

    def __init__(self, snapshot: Snapshot, progress: Counting) -> None:
        super().__init__(snapshot, progress)
        self._found: dict[tuple[Any, ...], Inconsistency] = {}
        self._items: defaultdict[tuple[Any, ...], dict[str, None]] = defaultdict(dict)

    @property
    def findings(self) -> list[Inconsistency]:
        """What was found so far."""
        return [
            replace(finding, items=tuple(self._items[what]))
            for what, finding in self._found.items()
        ]

    def damaged(
        self, tree: str, key: bytes, why: str, session_id: str | None = None
    ) -> None:
        """Tell of a value that cannot be trusted."""
        owner, thread_id = self._whose(tree, key)
        self._tell(
            "damaged_record",
            session_id or owner,
            thread_id,
            f"The value in tree {tree} under key {key.hex()} is damaged: {why}.",
            about=(tree, key),
            items=(tree, key.hex()),
        )

    def _whose(self, tree: str, key: bytes) -> tuple[str | None, str | None]:
        """Return the session and thread that a key is about, as far as it tells."""
        if tree not in {"S", "T", "X", "C", "I"} or key.startswith(b"\x00"):
            return None, None
        try:
            owner, end = unpack_id(key)
            if tree in {"S", "I"}:
                return owner, None
            if tree == "T" and key[end:] == b"\x00":
                return None, owner
            if tree == "T" and key[end : end + 1] == b"\x01":
                return unpack_id(key, end + 1)[0], owner
        except ValueError:
            return None, None
        return self._session_of(owner), owner

    def _get(self, key: keys.Key, session_id: str | None = None) -> Any:
        """Return the value of a key, None or DAMAGED."""
        tree, raw = keys.place(key)
        try:
            value = self.snapshot.get(key)
        except StoreCorrupt as error:
            self.damaged(tree, raw, error.details["reason"], session_id)
            return DAMAGED
        own_id = _OWN_ID.get(key[0])
        if value is None or own_id is None or getattr(value, own_id, None) == key[1]:
            return value
        self.damaged(tree, raw, ELSEWHERE, session_id)
        return DAMAGED

    def _tell(
        self,
        kind: Kind,
        session_id: str | None,
        thread_id: str | None,
        detail: str,
        about: Any = None,
        *,
        index: str = "",
        items: Iterable[str] = (),
    ) -> None:
        """Tell of an inconsistency, once for each thing it is about."""
        what = (kind, (session_id, thread_id) if about is None else about)
        self._items[what].update(dict.fromkeys(items))
        if what not in self._found:
            # Entered first: the look for the thread may tell of it again.
            found = Inconsistency(kind, session_id, thread_id, detail, index)
            self._found[what] = found
            if thread_id is not None and kind != "damaged_record":
                thread = self._get(keys.thread_key(thread_id))
                rev = thread.rev if isinstance(thread, Thread) else None
                self._found[what] = replace(found, rev=rev)

    def _session_of(self, thread_id: str) -> str | None:
        thread = self._get(keys.thread_key(thread_id))
        return thread.session_id if isinstance(thread, Thread) else None

    def _no_session(self, session_id: str, what: str) -> None:
        detail = f"Session {session_id!r} {what}."
        self._tell("thread_without_session", session_id, None, detail)

    def _points(self, run_id: str, thread_id: str, what: str, *, live: bool) -> None:
        """Judge a reference to a thread's run, to one in progress if ``live``."""
        run = self._get(keys.run_key(run_id))
        if run is DAMAGED:
            return
        if (
            run is None
            or run.thread_id != thread_id
            or (live and not run.is_in_progress)
        ):
            self._tell(
                "dangling_index_entry",
                self._session_of(thread_id),
                thread_id,
                f"{what} names run {run_id!r} of thread {thread_id!r}; there is no "
                f"such run{' in progress' if live else ''}.",
                about=("run", run_id),
                index="runs",
                items=(run_id,),
            )


_OWN_ID: Final = {
    keys.SESSION: "session_id",
    keys.THREAD: "thread_id",
    keys.ASSOCIATION: "thread_id",
    keys.RUN: "run_id",
}
"""The field of a record that its key begins with."""


def run_ids(group: Iterable[Entry]) -> list[str]:
    """Return the runs in a thread's own entries."""
    return [unpack_id(rest, 1)[0] for _, rest, value in group if type(value) is bool]
