"""Events of runs in the words of the third version of the streaming protocol.

Guarantees: an event is told the same each time, with the same ``seq`` and ``event_id``;
values are told without what they wait for, which is told as ``input.requested``.
"""

import time
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from weft.daemon.http.event_numbers import RunNumbers, attempt_in
from weft.daemon.http.event_places import EventPlace
from weft.daemon.http.run_history import failure_of
from weft.daemon.http.run_places import Place
from weft.daemon.http.run_requests import EVENTS
from weft.daemon.http.streams import ServerEvent
from weft.storage import Run

__all__ = ["ProtocolEvent", "end_of", "events_of"]

INTERRUPTS: Final = "__interrupt__"

_MARK: Final = b'"__interrupt__"'

Status = Literal["running", "completed", "interrupted", "failed"]


class Params(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an event says, and of which graph within the graph."""

    namespace: list[str]
    timestamp: int
    data: Any
    node: str | None = None


class ProtocolEvent(msgspec.Struct, frozen=True, tag_field="type", tag="event"):
    """One event of a thread.

    Attributes:
        event_id: the same each time that the event is told.
        seq: grows along the thread.
        method: what kind of event it is.
        params: what it says.
    """

    event_id: str
    seq: int
    method: str
    params: Params


class _Told(msgspec.Struct):
    """What a graph has told of itself in these words."""

    timestamp: int
    data: msgspec.Raw
    node: str | None = None


def events_of(numbers: RunNumbers, event: ServerEvent) -> Iterator[ProtocolEvent]:
    """Yield what an event of a run's stream is in this protocol.

    Args:
        numbers: those of the run's events.
        event: of its reader; its end is not told here (:func:`end_of`).
    """
    run, place = numbers.run, numbers.next(event)
    name, _, path = event.event.partition("|")
    namespace = path.split("|") if path else []
    at_ms = _ms(event.at_us)
    if name == "metadata":
        yield _lifecycle(run, place, "running", at_ms, attempt_in(event.data))
    elif name == "values":
        values, waiting = _without_interrupts(event.data)
        yield _event(event.id, place, "values", Params([], at_ms, values))
        for part, interrupt in enumerate(waiting, 1):
            yield _requested(run, place.part(part), at_ms, interrupt)
    elif name.startswith(f"{EVENTS}/"):
        told = msgspec.json.decode(event.data, type=_Told)
        yield _told(event.id, place, name.partition("/")[2], namespace, told)
    elif name == "custom":
        data = {"payload": event.data}
        yield _event(event.id, place, "custom", Params(namespace, at_ms, data))
    elif name == "gap":
        about = {
            what: numbers.find(Place.of(at)).seq for what, at in event.data.items()
        }
        event_id = f"gap:{run.run_id}:{event.data['resume_after']}"
        yield _event(event_id, place, "gap", Params([], at_ms, about))
    elif name == "updates" or (name == "messages" and _is_block(event.data)):
        yield _event(event.id, place, name, Params(namespace, at_ms, event.data))


def end_of(run: Run) -> ProtocolEvent:
    """Return what tells the end of a run.

    Args:
        run: as it has ended.
    """
    place, failure = EventPlace.end_of(run.turn), failure_of(run)
    at_ms = _ms(run.finished_at_us or 0)
    if run.status == "success":
        return _lifecycle(run, place, "completed", at_ms)
    if run.status == "interrupted" or failure is None:
        return _lifecycle(run, place, "interrupted", at_ms)
    words = f"{failure['error']}: {failure['message']}"
    return _lifecycle(run, place, "failed", at_ms, error=words)


def _lifecycle(
    run: Run,
    place: EventPlace,
    status: Status,
    at_ms: int,
    attempt: int = 1,
    error: str | None = None,
) -> ProtocolEvent:
    data = {"event": status, "graph_name": run.workflow}
    if error is not None:
        data["error"] = error
    again = f":{attempt}" if attempt > 1 else ""
    # The client for JavaScript reads here which run it is.
    event_id = f"synth:{run.run_id}:lc||{status}{again}"
    return _event(event_id, place, "lifecycle", Params([], at_ms, data))


def _requested(
    run: Run, place: EventPlace, at_ms: int, interrupt: dict[str, Any]
) -> ProtocolEvent:
    value = interrupt.get("value")  # twice: the client for Python reads "value"
    about = {"interrupt_id": interrupt["id"], "payload": value, "value": value}
    event_id = f"synth:{run.run_id}:input||{interrupt['id']}"
    return _event(event_id, place, "input.requested", Params([], at_ms, about))


def _told(
    event_id: str, place: EventPlace, method: str, namespace: list[str], told: _Told
) -> ProtocolEvent:
    data: Any = told.data
    if method == "custom":
        data = msgspec.json.decode(data)
    elif method == "values":
        data, _ = _without_interrupts(data)  # the graph itself waits, and says so
    params = Params(namespace, told.timestamp, data, told.node)
    return _event(event_id, place, method, params)


def _event(
    event_id: str, place: EventPlace, method: str, params: Params
) -> ProtocolEvent:
    return ProtocolEvent(event_id, place.seq, method, params)


def _without_interrupts(raw: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Return values, and what is waited for."""
    if _MARK not in bytes(raw):
        return raw, []
    values = msgspec.json.decode(raw)
    found = values.pop(INTERRUPTS, None) if isinstance(values, dict) else None
    waiting = found if isinstance(found, list) else []
    return values, [each for each in waiting if isinstance(each, dict) and "id" in each]


def _is_block(raw: Any) -> bool:
    """Whether a workflow's own message is in the protocol's words."""
    data = msgspec.json.decode(raw)
    return isinstance(data, dict) and isinstance(data.get("event"), str)


def _ms(at_us: int) -> int:
    return (at_us or time.time_ns() // 1000) // 1000
