"""The last resort of a request: what is raised on the way becomes its answer.

Guarantees: a request whose answer has not begun gets one, whatever was raised; what is
a defect is raised again behind it, for the log of the server.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.daemon.http.problems import answer_failure, is_defect

__all__ = ["Answered"]


class Answered:
    """An ASGI application whose failures are problems.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, one way or the other."""
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            response = await answer_failure(Request(scope), error)
            await response(scope, receive, send)
            if is_defect(error):
                raise
