"""Runs whose end is told to a URL: refused, or written down before they start."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.webhook_guard import Forbidden
from weft.daemon.webhook_outbox import Noted
from weft.storage import SessionThreadException, new_id

if TYPE_CHECKING:
    from weft.daemon.http.site import Telling

__all__ = ["Wish", "check_webhook", "wished"]


def check_webhook(call: Call[Any, Any], url: str | None) -> None:
    """Refuse what would not be told, before the run starts.

    Raises:
        Overloaded: too many runs are to be told of.
        RequestFault: 422, no webhook may go there; 501, this daemon sends none.
    """
    if url is None:
        return
    webhooks = call.site.webhooks
    if webhooks is None:
        words = "This daemon sends no webhooks (webhooks.enabled)"
        remedy = "Join the run, or watch GET /events."
        raise _fault(HTTPStatus.NOT_IMPLEMENTED, words, remedy)
    try:
        webhooks.check(url)
    except Forbidden as error:
        words = f"No webhook goes to this URL: {error}"
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        raise _fault(status, words, "See [webhooks] of the configuration.") from error


class Wish(msgspec.Struct):
    """A run that is to start, and whose end may be told.

    Attributes:
        op_id: the idempotency key to start it with; None for any.
        run_id: of the run, once it has started.
    """

    op_id: str | None
    run_id: str | None = None


@asynccontextmanager
async def wished(
    call: Call[Any, Any], url: str | None, thread_id: str, op_id: str | None
) -> AsyncGenerator[Wish]:
    """Have whom to tell written down while a run is started in an async with block.

    Args:
        call: who asks.
        url: whom to tell; None for nobody.
        thread_id: the run's.
        op_id: the idempotency key of its start; None for none.

    Raises:
        RequestFault: 503, that was not possible; nothing was started.
    """
    webhooks = call.site.webhooks
    if url is None or webhooks is None:
        yield Wish(op_id)
        return
    wish, is_refused = Wish(op_id or new_id()), False
    noted = Noted(new_id(), thread_id, url, call.access.owner, wish.op_id)
    await _write_down(call, webhooks, noted)
    try:
        yield wish
    except SessionThreadException as error:
        is_refused = error.http_status < HTTPStatus.INTERNAL_SERVER_ERROR
        raise
    finally:
        if wish.run_id is not None:
            webhooks.follow(noted, wish.run_id)
        elif is_refused:
            webhooks.forget(noted)
        else:
            webhooks.doubt(noted)


async def _write_down(call: Call[Any, Any], webhooks: "Telling", noted: Noted) -> None:
    try:
        await call.beside(lambda: webhooks.wish(noted))
    except OSError as error:
        words = "No run was started, for its webhook could not be written down"
        remedy = "Mend the disk, or leave the webhook out."
        status = HTTPStatus.SERVICE_UNAVAILABLE
        raise _fault(status, f"{words}: {error.strerror}", remedy) from error


def _fault(status: int, words: str, remedy: str) -> RequestFault:
    return RequestFault(
        status, f"{words}. {remedy}", [Fault("body", "$.webhook", words)]
    )
