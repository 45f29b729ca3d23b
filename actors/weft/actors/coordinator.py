"""Every operation by name: create, move, run, look, check.

Methods return futures: ``.get(timeout=)`` in plain code, ``await`` in asyncio. What is
wrong with the arguments is the future's failure, too. Two keyword arguments go with
every change:

``op_id``
    the idempotency key. Repeating an operation under it returns the first answer,
    also after a crash; one is generated if omitted, and the future carries it.
``timeout_s``
    when to answer with :class:`~weft.storage.DeadlineExceeded` instead. An operation
    whose deadline passed before the writer took it is not applied.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from weft.actors.association_operations import AssociationOperations
from weft.actors.door import at_the_door
from weft.actors.future import Future
from weft.actors.health import Health, HealthReport
from weft.actors.history_operations import HistoryOperations
from weft.actors.item_operations import ItemOperations
from weft.actors.queries import Queries
from weft.actors.retention_operations import RetentionOperations
from weft.actors.runs import Runs
from weft.actors.session_operations import SessionOperations
from weft.actors.sources import Sources
from weft.actors.synchroniser import Synchroniser
from weft.actors.thread_operations import ThreadOperations
from weft.actors.thread_updates import ThreadUpdates
from weft.storage import Interaction, InvalidArgument, TrackInteraction
from weft.storage.ids import check_id, check_name
from weft.storage.operations import encode_mapping, encode_value

__all__ = ["Coordinator", "HealthReport"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Coordinator(
    SessionOperations,
    ThreadOperations,
    ThreadUpdates,
    Runs,
    Queries,
    AssociationOperations,
    HistoryOperations,
    ItemOperations,
    RetentionOperations,
    Synchroniser,
    Health,
):
    """The operations of a runtime; see the module for what all of them share."""

    @at_the_door
    def track_user_interaction(
        self,
        session_id: str,
        interaction: Mapping[str, Any] | Any,
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Interaction]:
        """Record something the user did in a session.

        Args:
            session_id: the session.
            interaction: a mapping with ``interaction_type`` (or ``type``), and any of
                ``content``, ``thread_id``, ``metadata``, ``interaction_id``,
                ``timestamp`` (an aware datetime).
            op_id: see the module.
            timeout_s: see the module.

        Raises:
            SessionNotFound: there is no such session.
            InvalidArgument: the interaction has no type, or fields that mean nothing.
        """
        operation = _interaction(
            self._house.sources, check_id(session_id, "session id"), interaction
        )
        return self._apply(operation, op_id, timeout_s, session_id=session_id)


class _Given(msgspec.Struct, forbid_unknown_fields=True):
    """An interaction as callers write it; ``type`` is another word for its type."""

    interaction_type: str = ""
    type: str = ""
    content: Any = None
    thread_id: str | None = None
    metadata: dict[str, Any] = {}
    interaction_id: str | None = None
    timestamp: datetime | None = None


# Prepared on one OS thread, at import: a type that msgspec sees for the first time on
# several at once crashes the interpreter (0.22).
msgspec.msgpack.Decoder(_Given)


def _interaction(
    sources: Sources, session_id: str, given: Mapping[str, Any]
) -> TrackInteraction:
    try:
        said = msgspec.convert(given, _Given)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"The interaction is wrong: {error}.") from error
    when = said.timestamp
    if when is not None and when.tzinfo is None:
        raise InvalidArgument("The interaction's timestamp has no time zone.")
    return TrackInteraction(
        session_id=session_id,
        interaction_id=sources.new_id()
        if said.interaction_id is None
        else check_id(said.interaction_id, "interaction id"),
        thread_id=None
        if said.thread_id is None
        else check_id(said.thread_id, "thread id"),
        interaction_type=check_name(
            said.interaction_type or said.type, "interaction type"
        ),
        content=encode_value(said.content, "content"),
        metadata=encode_mapping(said.metadata, "metadata"),
        timestamp_us=sources.clock_us()
        if when is None
        else (when - _EPOCH) // timedelta(microseconds=1),
    )
