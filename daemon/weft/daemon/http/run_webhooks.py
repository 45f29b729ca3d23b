"""Runs whose end is told to a URL: refused or written down as they start."""

from http import HTTPStatus
from typing import Any

from weft.daemon.http.call import Call
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.webhook_guard import Forbidden
from weft.daemon.webhook_outbox import Noted
from weft.storage import Run

__all__ = ["check_webhook", "note_webhook"]


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


async def note_webhook(call: Call[Any, Any], url: str | None, run: Run) -> None:
    """Write down whom to tell of a run, before its client learns that it began.

    Raises:
        RequestFault: 503, that was not possible; the run goes on.
    """
    webhooks = call.site.webhooks
    if url is None or webhooks is None:
        return
    noted = Noted(run.run_id, run.thread_id, url, call.access.owner)
    try:
        await call.beside(lambda: webhooks.follow(noted))
    except OSError as error:
        words = f"Run {run.run_id} goes on, but its webhook could not be written down"
        remedy = "Repeat the request with its Idempotency-Key, or join the run."
        status = HTTPStatus.SERVICE_UNAVAILABLE
        raise _fault(status, f"{words}: {error.strerror}", remedy) from error


def _fault(status: int, words: str, remedy: str) -> RequestFault:
    return RequestFault(
        status, f"{words}. {remedy}", [Fault("body", "$.webhook", words)]
    )
