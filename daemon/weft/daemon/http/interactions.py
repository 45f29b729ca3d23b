"""What users did in their sessions, over HTTP."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.decoding import Id, Name
from weft.daemon.http.endpoint import Table
from weft.daemon.http.views import InteractionView

__all__ = ["interactions"]

interactions: Final = Table("interactions")

LIMIT_MAX: Final = 10_000


class NewInteraction(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Something the user did; without a time it was now."""

    interaction_type: Name
    content: Any = None
    thread_id: Id | None = None
    metadata: dict[str, Any] = {}
    interaction_id: Id | None = None
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class InteractionList(msgspec.Struct):
    """Interactions, oldest first."""

    interactions: list[InteractionView]


class HowMany(msgspec.Struct, forbid_unknown_fields=True):
    """How many at the most."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)] = 100


@interactions.post("/sessions/{session_id}/interactions", status=HTTPStatus.CREATED)
async def track_interaction(call: Call[NewInteraction, None]) -> InteractionView:
    """Record something the user did in a session."""
    session_id = call.access.session(call.path("session_id"))
    given = {
        name: value
        for name, value in msgspec.structs.asdict(call.body).items()
        if value is not None
    }
    if call.body.thread_id is not None:
        call.access.thread(call.body.thread_id)
    tracked = await call.coordinator.track_user_interaction(
        session_id, given, **call.change
    )
    return InteractionView.of(tracked)


@interactions.get("/sessions/{session_id}/interactions")
async def list_interactions(call: Call[None, HowMany]) -> InteractionList:
    """List what the user did in a session, oldest first."""
    session_id = call.access.session(call.path("session_id"))
    found = await call.aside(
        lambda: call.coordinator.list_interactions(session_id, limit=call.query.limit)
    )
    return InteractionList([InteractionView.of(each) for each in found])
