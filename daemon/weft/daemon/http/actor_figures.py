"""What the actors do at this moment: which kinds, how long, who, and what went wrong.

Names are those of a few: the busiest of the last operations, those that most mail waits
for, those whose actors failed. So an answer costs the same however many are resident.
"""

from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from weft.actors import RuntimeStatistics
from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.figures import admit
from weft.daemon.http.window import SpanView, grown, span_of
from weft.storage import OperationRecord

if TYPE_CHECKING:
    from weft.actors.inside import Inside

__all__ = ["actor_figures"]

actor_figures: Final = Table("daemon")

NAMED_MAX: Final = 10
"""Of the busiest, and of the deepest mailboxes."""

OPERATIONS_MAX: Final = 500
"""Of the log's end that are looked at: 3 ms."""

LETTERS_MAX: Final = 20

ORDER: Final = ("session", "thread", "root", "system")
"""Kinds of the runtime's own; those of users come behind."""


class KindView(msgspec.Struct):
    """One kind of actor.

    ``turns_per_s``, ``busy_share`` (of the one OS thread that runs all turns), ``wait``
    (of a message, for its turn) and ``turn`` are of the last five minutes; ``started``,
    ``stopped``, ``restarts`` and ``long_turns`` count since the start.
    """

    kind: str
    resident: dict[str, int]
    turns_per_s: float
    busy_share: float
    wait: SpanView
    turn: SpanView
    started: int
    stopped: dict[str, int]
    restarts: int
    long_turns: int


class BusyView(msgspec.Struct):
    """A session, by its share of the last operations."""

    session_id: str
    operations: int
    last_kind: str
    last_at: datetime


class MailboxView(msgspec.Struct):
    """An actor and how many of the waiting messages are for it."""

    kind: str
    key: str
    waiting: int


class AwayView(msgspec.Struct):
    """A session whose actor failed, and when it comes back."""

    session_id: str
    quarantined: bool
    left_s: float


class LetterView(msgspec.Struct):
    """A message that nobody handled."""

    actor: str
    message_type: str
    reason: str


class LongTurnView(msgspec.Struct):
    """A turn that kept all others waiting; the log has its stack."""

    actor: str
    kind: str
    message_type: str
    at: datetime


class ActorFiguresView(msgspec.Struct):
    """What the actors do.

    ``queued`` messages wait for a turn, the oldest for ``lag_s``; there was no room
    for those that were ``refused``. ``busiest`` are those of the last ``operations`` of
    the log. Of ``dead_letters`` and ``long_turns`` the last come first. A cluster names
    nobody.
    """

    kinds: list[KindView]
    queued: int
    lag_s: float
    refused: int
    asks: int
    quarantines: int
    crashes: int
    operations: int
    busiest: list[BusyView]
    mailboxes: list[MailboxView]
    away: list[AwayView]
    dead_letters_by_reason: dict[str, int]
    dead_letters: list[LetterView]
    long_turns: list[LongTurnView]


@actor_figures.get("/figures/actors")
async def get_actor_figures(call: Call[None, None]) -> ActorFiguresView:
    """Return what the actors do at this moment, and which of them are busy."""
    admit(call)
    return await call.beside(lambda: _figures(call))


def _figures(call: Call[None, None]) -> ActorFiguresView:
    call.site.history.look()
    now = call.runtime.statistics()
    before, window_s = call.site.window.began()
    dispatcher = now.dispatcher
    recent = _recent(call)
    return ActorFiguresView(
        kinds=[_kind(kind, before, now, window_s) for kind in _kinds(now)],
        queued=dispatcher.queued,
        lag_s=dispatcher.lag_ns / 1e9,
        refused=dispatcher.refused,
        asks=now.asks,
        quarantines=now.quarantines,
        crashes=dispatcher.crashes,
        operations=len(recent),
        busiest=_busiest(recent),
        dead_letters_by_reason=dispatcher.dead_letters_by_reason,
        **_named(call),
    )


def _kinds(now: RuntimeStatistics) -> list[str]:
    found = {*now.dispatcher.turn_time, *(kind for kind, _ in now.actors)}
    return [*ORDER, *sorted(found.difference(ORDER))]


def _kind(
    kind: str, before: RuntimeStatistics, now: RuntimeStatistics, window_s: float
) -> KindView:
    old, new = before.dispatcher, now.dispatcher
    turns = grown(old.turn_time.get(kind), new.turn_time.get(kind))
    waits = grown(old.mailbox_wait.get(kind), new.mailbox_wait.get(kind))
    return KindView(
        kind=kind,
        resident=_of(kind, now.actors),
        turns_per_s=turns.count / window_s,
        busy_share=turns.total / 1e9 / window_s,
        wait=span_of(waits),
        turn=span_of(turns),
        started=now.started.get(kind, 0),
        stopped=_of(kind, now.stopped),
        restarts=now.restarts_by_kind.get(kind, 0),
        long_turns=new.long_turns.get(kind, 0),
    )


def _of(kind: str, counted: dict[tuple[str, str], int]) -> dict[str, int]:
    return {word: number for (one, word), number in counted.items() if one == kind}


def _recent(call: Call[None, None]) -> list[OperationRecord]:
    """Return the last operations, the newest first."""
    if not hasattr(call.runtime, "inside"):  # a cluster's logs have no common end
        return []
    with call.runtime.store.read() as snapshot:
        newest = snapshot.scan("L", b"", reverse=True)
        return [record for _, record in islice(newest, OPERATIONS_MAX)]


def _busiest(recent: list[OperationRecord]) -> list[BusyView]:
    counted = Counter(one for record in recent for one in record.session_ids)
    last = {one: record for record in reversed(recent) for one in record.session_ids}
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [
        BusyView(one, number, last[one].kind, last[one].at)
        for one, number in ordered[:NAMED_MAX]
    ]


def _named(call: Call[None, None]) -> dict[str, Any]:
    inside: Inside | None = getattr(call.runtime, "inside", None)
    if inside is None:
        return {"mailboxes": [], "away": [], "dead_letters": [], "long_turns": []}
    return {
        "mailboxes": [
            MailboxView(one.kind, one.key, one.waiting)
            for one in inside.deepest(NAMED_MAX)
        ],
        "away": [
            AwayView(one.session_id, one.quarantined, one.left_s)
            for one in inside.away()
        ],
        "dead_letters": [
            LetterView(one.actor, one.message_type, one.reason.value)
            for one in inside.dead_letters()[: -LETTERS_MAX - 1 : -1]
        ],
        "long_turns": [
            LongTurnView(
                one.actor,
                one.kind,
                one.message_type,
                datetime.fromtimestamp(one.at_s, UTC),
            )
            for one in reversed(inside.long_turns())
        ],
    }
