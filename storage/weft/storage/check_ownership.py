"""Second pass: who owns which thread, by lists, records and associations."""

from collections.abc import Iterable
from typing import Any, Final

from weft.storage import keys
from weft.storage.check_lookup import Kind, Lookup, run_ids
from weft.storage.check_scan import DAMAGED, Counting, Entry
from weft.storage.ids import unpack_id
from weft.storage.records import (
    Association,
    Session,
    Thread,
    Tombstone,
)
from weft.storage.snapshot import Snapshot

__all__ = ["Ownership"]


class Ownership(Lookup):
    """Judges sessions, threads and associations."""

    def __init__(self, snapshot: Snapshot, progress: Counting) -> None:
        super().__init__(snapshot, progress)
        self._orphans: set[str] = set()  # threads told as orphan_thread
        self._claims: dict[str, set[str]] = {}  # by thread: odd sessions listing it
        self.expired_before_us = 0

    def _session(self, session_id: str, group: Iterable[Entry]) -> None:
        session = self._get(keys.session_key(session_id))
        if session is None:
            self._no_session(session_id, "has no record, yet its indexes have entries")
        for _, rest, value in group:
            if type(value) is str:
                if isinstance(session, Session) and session.status != "open":
                    self._no_session(session_id, f"is closed and lists {value!r}")
                self._listed(session_id, rest[1:].decode(), value)
            elif type(value) is bool:
                self._past(session_id, unpack_id(rest, 1)[0])

    def _listed(self, session_id: str, name: str, thread_id: str) -> None:
        thread = self._get(keys.thread_key(thread_id), session_id)
        listed = f"Session {session_id!r} lists thread {thread_id!r} as {name!r}; "
        if thread is None or isinstance(thread, Tombstone):
            self._orphans.add(thread_id)
            gone = "has no record" if thread is None else "was removed"
            detail = f"{listed}it {gone}."
            self._tell("orphan_thread", session_id, thread_id, detail, items=(name,))
        elif thread is not DAMAGED:
            owner, its_name = thread.session_id, thread.thread_name
            if (owner, its_name) == (session_id, name):
                return
            proper = self._get(keys.name_key(owner, its_name))
            twice = proper in (thread_id, DAMAGED)
            if not twice:
                self._claims.setdefault(thread_id, set()).add(session_id)
            self._tell(
                _LISTED[owner == session_id, twice],
                session_id,
                thread_id,
                f"{listed}its record says {its_name!r} in session {owner!r}, "
                f"which {'lists it, too' if twice else 'does not list it so'}.",
                index="names",
                items=(name,),
            )

    def _past(self, session_id: str, thread_id: str) -> None:
        """Judge an entry of the past index by the association it stands for."""
        row = self._get(keys.association_key(thread_id, session_id))
        if row is None:
            why = "has no association with it"
        elif (
            row is not DAMAGED
            and row.is_active
            and self._session_of(thread_id) == session_id
        ):
            why = "owns it now"
        else:
            return
        self._tell(
            "dangling_index_entry",
            session_id,
            thread_id,
            f"The past index of session {session_id!r} has thread {thread_id!r}; "
            f"the session {why}.",
            about=("past", session_id, thread_id),
            index="past",
        )

    def _thread(self, thread_id: str, group: Iterable[Entry]) -> None:
        entries = list(group)
        thread = self._get(keys.thread_key(thread_id))
        rows = [value for _, _, value in entries if type(value) is Association]
        holders = {
            row.session_id
            for row in rows
            if row.is_active
            and self._get(keys.name_key(row.session_id, row.thread_name)) == thread_id
        }
        if isinstance(thread, Thread):
            self._owned(thread, rows, holders)
        elif thread is DAMAGED or thread_id in self._orphans or holders:
            return
        else:
            self._unowned(thread_id, thread, rows)
        for run_id in run_ids(entries):
            self._points(run_id, thread_id, "The run index", live=False)

    def _unowned(self, thread_id: str, stone: Any, rows: list[Association]) -> None:
        """Judge the associations of a thread that is not there and not listed."""
        for row in rows:
            if stone is None or row.is_active:
                self._tell(
                    "orphan_association",
                    row.session_id,
                    thread_id,
                    f"The association of session {row.session_id!r} is "
                    f"{'active' if row.is_active else 'inactive'}; thread "
                    f"{thread_id!r} {'has no record' if stone is None else 'is gone'}.",
                )
            else:
                self._past_entry(row)

    def _owned(
        self, thread: Thread, rows: list[Association], holders: set[str]
    ) -> None:
        """Judge a live thread's owner and its associations."""
        thread_id, session_id = thread.thread_id, thread.session_id
        entry = self._get(keys.name_key(session_id, thread.thread_name))
        claims: set[str] = set()
        if entry not in (thread_id, DAMAGED):
            claims = holders | self._claims.get(thread_id, set())
            if not claims:
                self._unlisted(thread, entry)
        if not claims and self._get(keys.session_key(session_id)) is None:
            self._no_session(session_id, f"has no record and owns {thread_id!r}")
        self._associated(thread, rows, claims | {session_id})
        if thread.run_id is not None:
            self._points(thread.run_id, thread_id, "The busy thread", live=True)

    def _unlisted(self, thread: Thread, holder: str | None) -> None:
        """Tell of a thread that nobody lists: is another one in its place?"""
        thread_id, session_id = thread.thread_id, thread.session_id
        other = None if holder is None else self._get(keys.thread_key(holder))
        collides = isinstance(other, Thread) and (
            (other.session_id, other.thread_name) == (session_id, thread.thread_name)
        )
        is_not = (
            f"has thread {holder!r} of this name" if collides else "does not list it"
        )
        self._tell(
            "name_collision" if collides else "missing_thread",
            session_id,
            thread_id,
            f"Thread {thread_id!r} is {thread.thread_name!r} in session "
            f"{session_id!r} by its record; the session {is_not}.",
        )

    def _associated(
        self, thread: Thread, rows: list[Association], owners: set[str]
    ) -> None:
        thread_id, session_id = thread.thread_id, thread.session_id
        owning = [row for row in rows if row.is_active and row.session_id in owners]
        held = [self._get(keys.association_key(thread_id, s)) for s in owners]
        if not owning and DAMAGED not in held:
            detail = (
                f"Thread {thread_id!r} has no active association with its owner, "
                f"session {session_id!r}."
            )
            self._tell("missing_association", session_id, thread_id, detail)
        for row in owning:
            if row.thread_name != thread.thread_name:
                detail = (
                    f"Thread {thread_id!r} is {thread.thread_name!r} in its record "
                    f"and {row.thread_name!r} in its active association."
                )
                self._tell("name_mismatch", session_id, thread_id, detail)
        for row in rows:
            if row.session_id in owners:
                continue
            if not row.is_active:
                self._past_entry(row)
                continue
            self._tell(
                "duplicate_owner" if owning else "orphan_association",
                row.session_id,
                thread_id,
                f"Session {row.session_id!r} has an active association with thread "
                f"{thread_id!r}, whose owner is session {session_id!r}.",
            )

    def _past_entry(self, row: Association) -> None:
        if self.expired_before_us and row.updated_at_us < self.expired_before_us:
            self._tell(
                "expired_association",
                row.session_id,
                row.thread_id,
                f"The association of session {row.session_id!r} with thread "
                f"{row.thread_id!r} is inactive and past its retention.",
                items=(str(row.version),),
            )
        if self._get(keys.past_key(row.session_id, row.thread_id)) is None:
            self._tell(
                "missing_index_entry",
                row.session_id,
                row.thread_id,
                f"Session {row.session_id!r} has an inactive association with thread "
                f"{row.thread_id!r} that its past index leaves out.",
                about=("past", row.session_id, row.thread_id),
                index="past",
            )


_LISTED: Final[dict[tuple[bool, bool], Kind]] = {
    (True, True): "dangling_index_entry",
    (True, False): "name_mismatch",
    (False, True): "duplicate_owner",
    (False, False): "owner_mismatch",
}
"""What a list is that contradicts a thread's record: by whether it is its owner's, and
whether its owner lists it properly (too)."""
