"""One request of a webhook, and what it came to.

Guarantees:
    * only an answer of 2xx means that the webhook was taken; redirects are not
      followed, and the answer's body is not read;
    * a request ends in its time, however slowly the receiver trickles;
    * what it came to is said without the URL.
"""

import asyncio
from typing import Final

import httpcore
import httpx

from weft.daemon.webhook_guard import Forbidden, Guard, Target
from weft.daemon.webhook_network import GuardedNetwork, Resolve, resolve
from weft.daemon.webhook_outcome import Outcome
from weft.daemon.webhook_retry import seconds_in

__all__ = ["Sender"]

_OK: Final = range(200, 300)
_GONE: Final = 410
_FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    OSError,  # and TimeoutError, which is one
)


class Sender:
    """Sends the webhooks of one daemon; on one event loop.

    Args:
        guard: says where they may go.
        timeout_s: of a request.
        resolver: of names; the system's if omitted.
    """

    def __init__(
        self, guard: Guard, timeout_s: float, resolver: Resolve | None = None
    ) -> None:
        self._timeout_s = timeout_s
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=GuardedNetwork(guard, resolver or resolve),
        )

    async def send(
        self, target: Target, headers: dict[str, str], body: bytes
    ) -> Outcome:
        """Send one; any failure is an outcome."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._send(target, headers, body)
        except Forbidden as error:
            return Outcome("forbidden", str(error))
        except TimeoutError:
            return Outcome("unreachable", f"no answer within {self._timeout_s:g} s")
        except _FAILURES as error:
            return Outcome("unreachable", type(error).__name__)

    async def _send(
        self, target: Target, headers: dict[str, str], body: bytes
    ) -> Outcome:
        url = httpcore.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        given = {
            "host": target.authority,
            "content-type": "application/json",
            "user-agent": "weft",
            **headers,
        }
        async with self._pool.stream(
            "POST", url, headers=list(given.items()), content=body
        ) as answer:
            return _judge(answer)


def _judge(answer: httpcore.Response) -> Outcome:
    words = f"status {answer.status}"
    if answer.status in _OK:
        return Outcome("delivered", words)
    if answer.status == _GONE:
        return Outcome("gone", words)
    headers = {name.lower(): value for name, value in answer.headers}
    asked = headers.get(b"retry-after")
    asked_s = None if asked is None else seconds_in(asked.decode("latin-1"))
    return Outcome("refused", words, asked_s)
