"""What clients ask for when they ask for a cron, and how a cron is shown.

A cron's request is that of a run, and when: it is kept whole, and read again when the
run is due.

Guarantees: what could not be run now, or is never due, is refused when it is asked for.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from weft.daemon.cron_schedule import Schedule, ScheduleError, us_of
from weft.daemon.crons import Cron, Kept
from weft.daemon.http.assistant_runs import ordered
from weft.daemon.http.call import Call
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.http.protocol import assistant_id_of, encoded
from weft.daemon.http.run_requests import (
    NewRun,
    Nodes,
    RunConfig,
    StreamModes,
    config_of,
)
from weft.daemon.http.run_webhooks import check_webhook
from weft.daemon.http.views import FreeMapping
from weft.storage.records import datetime_from_us

__all__ = [
    "CronChange",
    "CronView",
    "NewCron",
    "assistant_id_in",
    "changed",
    "new_cron",
    "run_of",
]

Expression = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Zone = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Ending = Literal["delete", "keep"]
Durability = Literal["sync", "async", "exit"]


class NewCron(NewRun, kw_only=True):
    """A run to be started again and again.

    ``schedule`` has five fields, read in ``timezone``, or else in UTC. A run without a
    thread gets one each time, which is removed when it has ended unless
    ``on_run_completed`` is "keep".
    """

    schedule: Expression
    timezone: Zone | None = None
    end_time: datetime | None = None
    enabled: bool | None = None
    on_run_completed: Ending | None = None


class CronChange(msgspec.Struct):
    """What is to be different about a cron; null takes away what was given."""

    schedule: Expression | UnsetType = UNSET
    timezone: Zone | UnsetType | None = UNSET
    end_time: datetime | UnsetType | None = UNSET
    enabled: bool | UnsetType | None = UNSET
    on_run_completed: Ending | UnsetType | None = UNSET
    input: Any = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    config: RunConfig | UnsetType | None = UNSET
    context: dict[str, Any] | UnsetType | None = UNSET
    webhook: str | UnsetType | None = UNSET
    interrupt_before: Nodes | UnsetType | None = UNSET
    interrupt_after: Nodes | UnsetType | None = UNSET
    stream_mode: StreamModes | UnsetType | None = UNSET
    stream_subgraphs: bool | UnsetType | None = UNSET
    stream_resumable: bool | UnsetType | None = UNSET
    durability: Durability | UnsetType | None = UNSET


class CronView(msgspec.Struct):
    """A cron; ``last_error`` says why the time that was due last has no run."""

    cron_id: str | UnsetType = UNSET
    assistant_id: str | UnsetType = UNSET
    thread_id: str | UnsetType | None = UNSET
    on_run_completed: Ending | UnsetType | None = UNSET
    end_time: datetime | UnsetType | None = UNSET
    schedule: str | UnsetType = UNSET
    timezone: str | UnsetType | None = UNSET
    created_at: datetime | UnsetType = UNSET
    updated_at: datetime | UnsetType = UNSET
    payload: FreeMapping | UnsetType = UNSET
    user_id: str | UnsetType | None = UNSET
    next_run_date: datetime | UnsetType | None = UNSET
    metadata: FreeMapping | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    last_error: str | UnsetType | None = UNSET

    @classmethod
    def of(cls, kept: Kept) -> "CronView":
        """Return the view of a cron."""
        cron = kept.cron
        ending: Ending = cron.payload.get("on_run_completed") or "delete"
        return cls(
            cron_id=cron.cron_id,
            assistant_id=assistant_id_in(cron),
            thread_id=cron.thread_id,
            on_run_completed=ending if cron.thread_id is None else None,
            end_time=_time(cron.end_us),
            schedule=cron.schedule,
            timezone=cron.timezone,
            created_at=datetime_from_us(cron.created_at_us),
            updated_at=datetime_from_us(cron.updated_at_us),
            payload=encoded(cron.payload),
            user_id=cron.owner,
            next_run_date=_time(kept.next_us),
            metadata=encoded(cron.payload.get("metadata") or {}),
            enabled=cron.enabled,
            last_error=kept.progress.error,
        )


def assistant_id_in(cron: Cron) -> str:
    """Return the id of the assistant whose runs a cron starts."""
    return cron.own_id or assistant_id_of(cron.workflow)


async def new_cron(
    call: Call[Any, Any], new: NewCron, cron_id: str, thread_id: str | None, now_us: int
) -> Cron:
    """Return the cron that is asked for.

    Args:
        call: who asks.
        new: what for.
        cron_id: its name.
        thread_id: where its runs are to be; None for a thread each.
        now_us: the time, in microseconds since the Unix epoch.

    Raises:
        RequestFault: the assistant is not there, or takes no such input; it is never
            due.
    """
    order = await ordered(call, new)
    config_of(order.new, order.workflow)
    check_webhook(call, new.webhook)
    _check_schedule(new)
    payload: dict[str, Any] = msgspec.to_builtins(new)
    return Cron(
        cron_id=cron_id,
        payload={name: value for name, value in payload.items() if value is not None},
        workflow=order.workflow.name,
        own_id=order.own_id,
        schedule=new.schedule,
        timezone=new.timezone,
        thread_id=thread_id,
        owner=call.access.owner,
        enabled=new.enabled is not False,
        end_us=_end_us(new.end_time),
        from_us=now_us,
        created_at_us=now_us,
        updated_at_us=now_us,
    )


async def changed(
    call: Call[Any, Any], cron: Cron, change: CronChange, now_us: int
) -> Cron:
    """Return a cron as it is to be.

    Where its due times are others now, those that have passed do not count.

    Raises:
        RequestFault: as :func:`new_cron`.
    """
    given: dict[str, Any] = msgspec.to_builtins(change)  # without what is unset
    new = msgspec.convert({**cron.payload, **given}, NewCron)
    found = await new_cron(call, new, cron.cron_id, cron.thread_id, now_us)
    goes_on = (cron.schedule, cron.timezone, cron.enabled) == (
        found.schedule,
        found.timezone,
        found.enabled,
    )
    return msgspec.structs.replace(
        found,
        owner=cron.owner,
        from_us=cron.from_us if goes_on else now_us,
        created_at_us=cron.created_at_us,
    )


def run_of(cron: Cron) -> NewRun:
    """Return the run that a cron is to start; it tells its cron in its metadata."""
    new = msgspec.convert(cron.payload, NewRun)
    metadata = {**(new.metadata or {}), "cron_id": cron.cron_id}
    ending = cron.payload.get("on_run_completed")
    return msgspec.structs.replace(new, metadata=metadata, on_completion=ending)


def _check_schedule(new: NewCron) -> None:
    try:
        Schedule(new.schedule, new.timezone)
    except ScheduleError as error:
        raise _wrong(error.field, str(error)) from error


def _end_us(end: datetime | None) -> int | None:
    try:
        return None if end is None else us_of(end)
    except OverflowError as error:
        raise _wrong("end_time", "it lies beyond the calendar") from error


def _wrong(name: str, words: str) -> RequestFault:
    detail = f"The body is wrong at $.{name}: {words}."
    return RequestFault(422, detail, [Fault("body", f"$.{name}", words)])


def _time(value_us: int | None) -> datetime | None:
    return None if value_us is None else datetime_from_us(value_us)
