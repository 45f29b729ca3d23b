"""Answers that come when a run has ended, over a connection that is kept alive.

The status and the headers are sent at once, with where the run can be joined: who is
cut off asks there again. While the run goes on, a line break is sent now and then,
which JSON allows before a value.

Guarantees: ``on_gone`` is called, once, when the client has gone before the end; an
answer that cannot be given any more cuts the connection, so it is asked for again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from weft.actors import Runtime
from weft.daemon.http.run_history import failure_of, result_of
from weft.daemon.http.views import json_of
from weft.storage import Run, SessionThreadException, StoreClosed

__all__ = ["LateAnswer", "ended", "outcome_of"]

LOOK_AGAIN_S: Final = 0.05
"""How long a run that is between two processes, or two attempts, is left alone."""

_encode: Final = msgspec.json.Encoder().encode


class LateAnswer(Response):
    """An answer that is waited for.

    Args:
        value: what is waited for: JSON.
        headers: of the answer.
        heartbeat_s: how long the connection may be silent, in seconds.
        on_gone: called when the client has gone before the end.
        on_done: called when the answer has been sent.
    """

    media_type = "application/json"

    def __init__(
        self,
        value: Callable[[], Awaitable[bytes]],
        headers: dict[str, str],
        heartbeat_s: float,
        *,
        on_gone: Callable[[], object] = lambda: None,
        on_done: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(b"", HTTPStatus.OK, headers)
        del self.headers["content-length"]
        self._value = value
        self._heartbeat_s = heartbeat_s
        self._on_gone = on_gone
        self._on_done = on_done

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers, wait, send the rest."""
        await send(
            {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        )
        value = asyncio.ensure_future(self._value())
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            while not (value.done() or gone.done()):
                await asyncio.wait(
                    (value, gone),
                    timeout=self._heartbeat_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not (value.done() or gone.done()):
                    await _send(send, b"\n", more=True)
            if not value.done():
                self._on_gone()
                return
            await _send(send, value.result(), more=False)
            self._on_done()
        finally:
            value.cancel()
            gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, body: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def ended(runtime: Runtime, run_id: str) -> Run | None:
    """Return a run once it has ended; None if it, or its thread, was removed.

    Raises:
        StoreClosed: the runtime was closed before.
    """
    while True:
        try:
            await runtime.coordinator.join_run(run_id)
        except SessionThreadException:  # how it ended is in the store
            if runtime.closed:
                raise StoreClosed("The daemon stops; join the run again.") from None
        with runtime.store.read() as snapshot:
            run = snapshot.run(run_id)
        if run is None or run.finished_at_us is not None:
            return run
        await asyncio.sleep(LOOK_AGAIN_S)


async def outcome_of(runtime: Runtime, run_id: str) -> bytes:
    """Return what a run came to, as JSON: its last values, or why it failed."""
    run = await ended(runtime, run_id)
    failure: dict[str, Any] | None
    if run is None:
        words = "The run, or its thread, was removed."
        failure = {"error": "ThreadNotFound", "message": words}
    else:
        failure = failure_of(run)
    if failure is not None or run is None:
        return _encode({"__error__": failure})
    with runtime.store.read() as snapshot:
        return bytes(json_of(result_of(snapshot, run)))
