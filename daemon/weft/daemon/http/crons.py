"""Crons over HTTP, as the LangGraph protocol has them: runs that start by themselves.

Who may do what follows the cron: a principal that is bound to an owner sees its own
ones, and a cron's runs are those of its owner.
"""

from collections.abc import Callable
from http import HTTPStatus
from operator import itemgetter
from typing import Annotated, Any, Final, Literal

import msgspec

from weft.daemon.crons import Cron, Crons, Kept
from weft.daemon.http.call import Call, Reply
from weft.daemon.http.cron_requests import (
    CronChange,
    CronView,
    NewCron,
    assistant_id_in,
    changed,
    new_cron,
)
from weft.daemon.http.endpoint import Table
from weft.daemon.http.json_filter import contains
from weft.daemon.http.problems import RequestFault
from weft.daemon.http.protocol import selected
from weft.daemon.http.run_threads import op_id_of
from weft.daemon.http.thread_states import asked_thread
from weft.storage import new_id
from weft.storage.ids import check_id
from weft.storage.store import clock_us

__all__ = ["crons", "sees"]

crons: Final = Table("crons")

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class CronFilter(msgspec.Struct):
    """Which crons: those that are like this in all that is given."""

    assistant_id: str | None = None
    thread_id: str | None = None
    enabled: bool | None = None
    metadata: dict[str, Any] | None = None


class CronSearch(CronFilter):
    """Which crons, in which order, and what of them is shown."""

    limit: Limit = 10
    offset: Offset = 0
    sort_by: (
        Literal[
            "cron_id",
            "assistant_id",
            "thread_id",
            "created_at",
            "updated_at",
            "next_run_date",
            "end_time",
        ]
        | None
    ) = None
    sort_order: Literal["asc", "desc"] | None = None
    select: list[str] | None = None


_ORDERS: Final[dict[str, Callable[[Kept], Any]]] = {
    "cron_id": lambda kept: kept.cron.cron_id,
    "assistant_id": lambda kept: assistant_id_in(kept.cron),
    "thread_id": lambda kept: kept.cron.thread_id,
    "created_at": lambda kept: kept.cron.created_at_us,
    "updated_at": lambda kept: kept.cron.updated_at_us,
    "next_run_date": lambda kept: kept.next_us,
    "end_time": lambda kept: kept.cron.end_us,
}


@crons.post("/runs/crons")
async def create_cron(call: Call[NewCron, None]) -> CronView:
    """Have runs started at due times, each on a thread of its own."""
    return await _create(call, None)


@crons.post("/threads/{thread_id}/runs/crons")
async def create_thread_cron(call: Call[NewCron, None]) -> CronView:
    """Have runs started on a thread at due times, for as long as it is there."""
    return await _create(call, asked_thread(call).thread_id)


@crons.post("/runs/crons/search", scope="read")
async def search_crons(call: Call[CronSearch, None]) -> Reply[list[CronView]]:
    """List the crons that match, newest first unless asked otherwise."""
    wanted = call.body
    matching = await _matching(call, wanted)
    found = await call.beside(lambda: _ordered(matching, wanted))
    end = wanted.offset + wanted.limit
    headers = {"X-Pagination-Next": str(end)} if end < len(found) else None
    page = [CronView.of(kept) for kept in found[wanted.offset : end]]
    return Reply([selected(view, wanted.select) for view in page], headers=headers)


@crons.post("/runs/crons/count", scope="read")
async def count_crons(call: Call[CronFilter, None]) -> int:
    """Count the crons that match."""
    return len(await _matching(call, call.body))


@crons.patch("/runs/crons/{cron_id}")
async def update_cron(call: Call[CronChange, None]) -> CronView:
    """Change a cron; its runs that have begun go on as they are."""
    kept = await _find(call)
    cron = await changed(call, kept.cron, call.body, clock_us())
    await _put(call, cron)
    return CronView.of(kept._replace(cron=cron))


@crons.delete("/runs/crons/{cron_id}")
async def delete_cron(call: Call[None, None]) -> None:
    """Start no more runs of a cron; those that have begun go on."""
    await Crons(call.coordinator).remove((await _find(call)).cron.cron_id)


async def _create(call: Call[NewCron, None], thread_id: str | None) -> CronView:
    cron_id = op_id_of(call, "cron") or new_id()
    kept = None
    if call.op_id is not None:  # the key makes the id: a repetition finds the first
        kept = await Crons(call.coordinator).get(cron_id)
    if kept is None:
        cron = await new_cron(call, call.body, cron_id, thread_id, clock_us())
        await _admit(call)
        await _put(call, cron)
        kept = Kept(cron)
    return CronView.of(kept)


async def _admit(call: Call[Any, Any]) -> None:
    if await Crons(call.coordinator).is_full():
        detail = "There are as many crons as a store may have. Remove some."
        raise RequestFault(HTTPStatus.CONFLICT, detail)


async def _put(call: Call[Any, Any], cron: Cron) -> None:
    await Crons(call.coordinator).put(cron, timeout_s=call.timeout_s)
    call.site.crons_changed(cron.cron_id)


async def _find(call: Call[Any, Any]) -> Kept:
    cron_id = check_id(call.path("cron_id"), "cron id")
    kept = await Crons(call.coordinator).get(cron_id)
    if kept is None or not sees(call, kept):
        detail = f"There is no cron {cron_id!r}, or not any more."
        raise RequestFault(HTTPStatus.NOT_FOUND, detail)
    return kept


async def _matching(call: Call[Any, Any], wanted: CronFilter) -> list[Kept]:
    found = await Crons(call.coordinator).all()
    return [kept for kept in found if sees(call, kept) and _is_wanted(kept, wanted)]


def sees(call: Call[Any, Any], kept: Kept) -> bool:
    """Whether a cron is there for whoever asks."""
    return call.access.owner in {None, kept.cron.owner}


def _is_wanted(kept: Kept, wanted: CronFilter) -> bool:
    cron = kept.cron
    name = cron.workflow if cron.own_id is None else None
    return (
        wanted.assistant_id in {None, name, assistant_id_in(cron)}
        and wanted.thread_id in {None, cron.thread_id}
        and wanted.enabled in {None, cron.enabled}
        and contains(cron.payload.get("metadata") or {}, wanted.metadata or {})
    )


def _ordered(found: list[Kept], wanted: CronSearch) -> list[Kept]:
    """Return crons in an order, those that have no place in it last."""
    order = _ORDERS[wanted.sort_by or "created_at"]
    placed = [(order(kept), kept.cron.cron_id, kept) for kept in found]
    return [
        *(
            kept
            for *_, kept in sorted(
                (each for each in placed if each[0] is not None),
                key=itemgetter(0, 1),
                reverse=wanted.sort_order != "asc",
            )
        ),
        *(kept for place, _, kept in placed if place is None),
    ]
