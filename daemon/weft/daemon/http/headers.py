"""The headers of a request, read once for all who ask.

Starlette's go through all headers at each look; a request is looked at a dozen times,
which was a twentieth of what it cost the loop.
"""

from typing import Final, overload

from starlette.types import Scope

__all__ = ["Given", "headers_of"]

_KEY: Final = "weft.headers"


class Given:
    """What a client said besides, by names in lower case.

    Args:
        scope: of the request.
    """

    __slots__ = ("_by_name",)

    def __init__(self, scope: Scope) -> None:
        by_name: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            by_name.setdefault(name, []).append(value)
        self._by_name = by_name

    @overload
    def get(self, name: str) -> str | None: ...

    @overload
    def get(self, name: str, default: str) -> str: ...

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of a header.

        Args:
            name: in lower case.
            default: where there is none.
        """
        values = self._by_name.get(name.encode("ascii"))
        return default if values is None else values[0].decode("latin-1")

    def getlist(self, name: str) -> list[str]:
        """Return all values of a header."""
        values = self._by_name.get(name.encode("ascii"), ())
        return [value.decode("latin-1") for value in values]


def headers_of(scope: Scope) -> Given:
    """Return the headers of a request."""
    given = scope.get(_KEY)
    if given is None:
        given = scope[_KEY] = Given(scope)
    found: Given = given
    return found
