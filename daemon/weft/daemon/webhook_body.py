"""What a webhook says: a run that has ended, in the words of the LangGraph protocol."""

from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from weft.daemon.http.protocol import ProtocolRun
from weft.daemon.http.run_history import failure_of, result_of
from weft.daemon.http.run_starting import view_of
from weft.daemon.http.views import Free, json_of
from weft.storage import Run, Snapshot

__all__ = ["body_of"]

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
_NULL: Final = msgspec.Raw(b"null")


class RunTold(ProtocolRun):
    """A run, and what it came to.

    Attributes:
        run_started_at: when its last attempt began; None if it never did.
        run_ended_at: when it ended.
        webhook_sent_at: when this was sent; another time at each attempt.
        values: the last ones.
        error: why it failed: ``{"error": TYPE, "message": TEXT}``, or None.
        truncated: what was left out because it is too large.
    """

    run_started_at: datetime | None = None
    run_ended_at: datetime | None = None
    webhook_sent_at: datetime | None = None
    values: Free = _NULL
    error: dict[str, str] | None = None
    truncated: list[str] | UnsetType = UNSET


def body_of(snapshot: Snapshot, run: Run, size_bytes_max: int) -> bytes:
    """Return what is told of a run, as JSON.

    Args:
        snapshot: the store.
        run: the run, ended.
        size_bytes_max: what is larger is left out: ``values``, then ``kwargs``,
            ``metadata`` and the error's message.
    """
    told = RunTold(
        **asdict(view_of(run)),
        run_started_at=run.started_at if run.attempt else None,
        run_ended_at=run.finished_at,
        webhook_sent_at=datetime.now(UTC),
        values=json_of(result_of(snapshot, run)),
        error=failure_of(run),
    )
    body = _encode(told)
    if len(body) > size_bytes_max:
        told.values, told.truncated = _NULL, ["values"]
        body = _encode(told)
    if len(body) > size_bytes_max:
        told.kwargs = told.metadata = msgspec.Raw(b"{}")
        told.truncated = ["values", "kwargs", "metadata"]
        body = _encode(told)
    if len(body) > size_bytes_max and told.error is not None:
        told.error = {**told.error, "message": ""}
        told.truncated = [*(told.truncated or ()), "error.message"]
        body = _encode(told)
    return body
