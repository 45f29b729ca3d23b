"""What is planned and not there yet: it says so, where a client looks for it."""

from http import HTTPStatus
from typing import Any, Final

from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.problems import RequestFault

__all__ = ["planned"]

planned: Final = Table("planned", described=False)

_PATHS: Final = (
    ("POST", "/assistants"),
    ("PATCH", "/assistants/{assistant_id}"),
    ("DELETE", "/assistants/{assistant_id}"),
    ("POST", "/assistants/{assistant_id}/latest"),
)
"""Assistants that are no workflow's own."""


async def not_yet(_call: Call[None, None]) -> None:
    """Answer 501: this is planned and not there yet."""
    raise RequestFault(
        HTTPStatus.NOT_IMPLEMENTED,
        "This version of Weft does not have this yet. Look at /openapi.json for "
        "what there is.",
    )


def _plan(method: str, path: str) -> Any:
    return planned.add(method, path, "read")(not_yet)


for _method, _path in _PATHS:
    _plan(_method, _path)
