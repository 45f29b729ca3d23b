"""Who owns a thread, and what it is called: one answer out of all that is said of it.

Pure: the rows that speak of one thread in, the thread as it is to be out, and every
place told that says otherwise.

The owner is, of the sessions that claim the thread, the first by this order: it has a
record; its association is active; it has no inactive one; the thread's record names
it; its list has the thread; its association was updated last; its row comes first.
The name is that of the owner's association, or else of the thread's record, or else
the thread's id.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from weft.storage.errors import InvalidArgument
from weft.storage.ids import check_id, check_name
from weft.storage.import_report import Drift, TellDrift
from weft.storage.import_sql_rows import (
    ASSOCIATIONS,
    SESSIONS,
    THREADS,
    AssociationRow,
    Listing,
    ThreadRow,
)
from weft.storage.records import EMPTY

__all__ = ["Facts", "Known", "Settled", "SettledRow", "settle"]

_decode: Final = msgspec.msgpack.decode


class Facts(msgspec.Struct, frozen=True):
    """What a source has.

    Attributes:
        sessions: records of sessions; without them each that is named exists.
        threads: records of threads; without them each that is named exists.
        associations: a table of associations; without it none is missing.
        orphans: the session for threads that nobody owns.
    """

    sessions: bool
    threads: bool
    associations: bool
    orphans: str


class Known(msgspec.Struct, frozen=True):
    """What is known of a session: has it a record, and a list of its threads?"""

    exists: bool
    lists: bool


class SettledRow(msgspec.Struct, frozen=True, array_like=True):
    """An association as it is to be.

    Attributes:
        name: None for the thread's.
        made: it was not there before.
    """

    session_id: str
    association_id: str | None
    name: str | None
    is_active: bool
    association_type: str
    metadata: msgspec.Raw
    version: int
    created_us: int | None
    updated_us: int | None
    made: bool = False


class Settled(msgspec.Struct, frozen=True, array_like=True):
    """A thread as it is to be.

    Attributes:
        table: where it stands that it is there.
        row: in that table.
    """

    table: str
    row: int
    thread_id: str
    session_id: str
    name: str
    workflow: str | None
    config: msgspec.Raw
    status: str | None
    metadata: msgspec.Raw
    created_us: int | None
    updated_us: int | None
    rows: list[SettledRow]

    def renamed(self, name: str) -> "Settled":
        """Return the thread under another name."""
        data = _decode(self.metadata)
        metadata = _corrected(self.metadata, data, {"name": name})
        return replace(self, name=name, metadata=metadata)


def settle(
    claims: "Iterable[ThreadRow | AssociationRow | Listing]",
    known: Callable[[str], Known],
    facts: Facts,
    tell: TellDrift,
) -> Settled | None:
    """Return one thread, None if it has no record.

    Args:
        claims: all rows that speak of it, in the order of their tables and rows.
        known: what is known of a session.
        facts: about the source.
        tell: told of every row that is wrong.
    """
    return _Settling(list(claims), known, facts, tell).run()


class _Settling:
    def __init__(
        self,
        claims: "Sequence[ThreadRow | AssociationRow | Listing]",
        known: Callable[[str], Known],
        facts: Facts,
        tell: TellDrift,
    ) -> None:
        self._thread_id = claims[0].thread_id
        self._facts = facts
        self._tell = tell
        self._known = known
        own = [claim for claim in claims if isinstance(claim, ThreadRow)]
        for row in own[1:]:
            self._drift("duplicate_thread", row, "another row has this thread")
        self._own = own[0] if own else None
        self._data: dict[str, Any] = _decode(own[0].metadata) if own else {}
        self._says = (
            own[0].session_id or self._said("session_id", check_id) if own else None
        )
        self._rows: dict[str, AssociationRow] = {}
        self._lists: dict[str, Listing] = {}
        for claim in claims:
            if isinstance(claim, AssociationRow):
                self._add_row(claim)
            elif isinstance(claim, Listing):
                self._add_listing(claim)

    def _drift(
        self, kind: str, claim: Any, why: str, session_id: str | None = None
    ) -> None:
        session_id = session_id or claim.session_id
        found = Drift(
            kind, _TABLES[type(claim)], claim.row, why, session_id, self._thread_id
        )
        self._tell(found)

    def _add_row(self, row: AssociationRow) -> None:
        other = self._rows.get(row.session_id)
        if other is not None:
            better = (row.is_active, row.updated_us or 0) > (
                other.is_active,
                other.updated_us or 0,
            )
            row, other = (row, other) if better else (other, row)
            self._drift("duplicate_association", other, "the pair has another row")
        self._rows[row.session_id] = row

    def _add_listing(self, listing: Listing) -> None:
        if listing.session_id in self._lists:
            self._drift("listed_twice", listing, "the list has the thread twice")
        self._lists.setdefault(listing.session_id, listing)

    def _said(self, name: str, check: Callable[[Any], str]) -> str | None:
        """Return what the metadata of the thread's record says in a key."""
        try:
            return check(self._data.get(name))
        except InvalidArgument:
            return None  # it is something else of the caller's

    def run(self) -> Settled | None:
        """Settle it."""
        if self._is_gone():
            return None
        owner = self._owner() or self._facts.orphans
        name = self._name(owner)
        place = self._own or next(iter((self._rows | self._lists).values()))
        thread = self._own or _unrecorded(self._thread_id)
        return Settled(
            _TABLES[type(place)],
            place.row,
            self._thread_id,
            owner,
            name,
            thread.workflow,
            thread.config,
            thread.status,
            self._metadata(owner, name),
            *self._times(thread, owner),
            self._history(owner),
        )

    def _is_gone(self) -> bool:
        """Whether there is no such thread; tell of all who say that there is."""
        why = "the thread has no record"
        if not self._facts.threads:
            why = "nothing but the past speaks of the thread"
            active = any(row.is_active for row in self._rows.values())
            if active or self._lists:
                return False
        if self._own is not None:
            return False
        for row in self._rows.values():
            self._drift("orphan_association", row, why)
        for listing in self._lists.values():
            self._drift("orphan_thread", listing, why)
        return True

    def _exists(self, session_id: str) -> bool:
        return not self._facts.sessions or self._known(session_id).exists

    def _owner(self) -> str | None:
        """Choose the owner; tell of all who say that it is another."""
        claims = {i for i, row in self._rows.items() if row.is_active} | {*self._lists}
        if self._says is not None:
            claims.add(self._says)
        if not claims:
            if self._own is not None:
                self._drift(
                    "thread_without_owner",
                    self._own,
                    "no session has it",
                    self._facts.orphans,
                )
            return None
        owner = max(claims, key=self._rank)
        self._tell_owner(owner)
        self._tell_others(owner, claims)
        return owner

    def _rank(self, session_id: str) -> tuple[Any, ...]:
        row, listing = self._rows.get(session_id), self._lists.get(session_id)
        first = row or listing
        return (
            self._exists(session_id),
            row is not None and row.is_active,
            row is None,
            self._says == session_id,
            listing is not None,
            row.updated_us or 0 if row is not None else 0,
            -first.row if first is not None else 0,
            session_id,
        )

    def _tell_owner(self, owner: str) -> None:
        row, listing = self._rows.get(owner), self._lists.get(owner)
        claim = row or listing or self._own
        if not self._exists(owner):
            why = "the session has no record"
            self._drift("session_without_record", claim, why, owner)
        if self._facts.associations and (row is None or not row.is_active):
            how = "no" if row is None else "an inactive"
            why = f"its session has {how} association with it"
            self._drift("missing_association", claim, why, owner)
        if listing is None and self._facts.sessions and self._known(owner).lists:
            self._drift("missing_thread", claim, "its session does not list it", owner)

    def _tell_others(self, owner: str, claims: set[str]) -> None:
        why = f"session {owner!r} owns it"
        own = self._own
        if own is not None:
            said = {self._says, self._said("session_id", check_id)}
            if not said <= {owner, None}:
                self._drift("owner_mismatch", own, why, owner)
        for session_id in sorted(claims - {owner}):
            row, listing = self._rows.get(session_id), self._lists.get(session_id)
            if row is not None and row.is_active and self._exists(session_id):
                self._drift("duplicate_owner", row, why)
            if listing is not None:
                self._drift("duplicate_owner", listing, why)

    def _history(self, owner: str) -> list[SettledRow]:
        rows: list[SettledRow] = []
        for session_id, row in self._rows.items():
            if session_id != owner and not self._exists(session_id):
                why = "its session has no record"
                self._drift("association_without_session", row, why)
                continue
            rows.append(_settled(row, is_active=session_id == owner))
        if owner not in self._rows:
            rows.insert(0, _made(owner))
        return rows

    def _name(self, session_id: str) -> str:
        row, own = self._rows.get(session_id), self._own
        said = row.name if row is not None else None
        recorded = [] if own is None else [own.name, self._said("name", check_name)]
        names = [name for name in (said, *recorded) if name is not None]
        name = names[0] if names else self._thread_id
        if own is not None and any(n not in {None, name} for n in recorded):
            found = next(n for n in recorded if n not in {None, name})
            why = f"its record says {found!r}, it is {name!r}"
            self._drift("name_mismatch", own, why, session_id)
        return name

    def _metadata(self, session_id: str, name: str) -> msgspec.Raw:
        if self._own is None:
            return EMPTY
        right = {"session_id": session_id, "name": name}
        return _corrected(self._own.metadata, self._data, right)

    def _times(
        self, thread: ThreadRow, session_id: str
    ) -> tuple[int | None, int | None]:
        row = self._rows.get(session_id)
        if thread.created_us is None and row is not None:
            return row.created_us, row.updated_us
        return thread.created_us, thread.updated_us


_TABLES: Final[dict[type, str]] = {
    ThreadRow: THREADS,
    AssociationRow: ASSOCIATIONS,
    Listing: SESSIONS,
}


def _corrected(
    metadata: msgspec.Raw, data: dict[str, Any], right: dict[str, str]
) -> msgspec.Raw:
    """Return metadata whose copies of facts, if it has any, are right."""
    wrong = {
        key: value
        for key, value in right.items()
        if isinstance(data.get(key), str) and data[key] != value
    }
    if not wrong:
        return metadata
    return msgspec.Raw(msgspec.msgpack.encode(data | wrong))


def _unrecorded(thread_id: str) -> ThreadRow:
    empty = (None, None, None, EMPTY, None, EMPTY, None, None)
    return ThreadRow(0, thread_id, *empty)


def _settled(row: AssociationRow, *, is_active: bool) -> SettledRow:
    return SettledRow(
        row.session_id,
        row.association_id,
        None if is_active else row.name,
        is_active,
        row.association_type,
        row.metadata,
        row.version,
        row.created_us,
        row.updated_us,
    )


def _made(session_id: str) -> SettledRow:
    return SettledRow(
        session_id, None, None, True, "session_thread", EMPTY, 1, None, None, made=True
    )
