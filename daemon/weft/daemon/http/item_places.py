"""Which namespaces a principal has: all, or those below its owner's name.

What a bound principal calls ``notes`` lies in ``owner, notes``, the place where
LangGraph's graphs keep what they remember of a user: a graph that a daemon serves has
the whole store, and is free to write there.

A label has no period, for a path of labels is written with periods between them.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from weft.daemon.http.problems import Fault, RequestFault
from weft.storage.items_reader import ANY
from weft.storage.keys_items import SYSTEM, Namespace

__all__ = ["Label", "Places", "labels_of"]

Label = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^.]*\Z")]
"""A part of a namespace."""

_RESERVED: Final = ("langgraph", SYSTEM)


class Places:
    """The namespaces of one principal.

    Args:
        owner: whom it is bound to; None if it sees everything.

    Raises:
        RequestFault: nobody's items can be that owner's.
    """

    def __init__(self, owner: str | None) -> None:
        if owner == SYSTEM:
            detail = f"The name {SYSTEM} is reserved: its owner can have no items."
            raise RequestFault(HTTPStatus.FORBIDDEN, detail)
        self._root: Namespace = () if owner is None else (owner,)

    def inside(self, namespace: Sequence[str]) -> Namespace:
        """Return where a namespace lies that a principal names.

        Raises:
            RequestFault: it is reserved.
        """
        if namespace and namespace[0] in _RESERVED:
            words = f"the first label {namespace[0]!r} is reserved"
            detail = f"The namespace cannot be used: {words}."
            faults = [Fault("body", "$.namespace", words)]
            raise RequestFault(HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults)
        return (*self._root, *namespace)

    def shown(self, namespace: Namespace) -> list[str]:
        """Return what a principal calls a namespace."""
        return list(namespace[len(self._root) :])

    def pattern(self, prefix: Sequence[str], suffix: Sequence[str]) -> Namespace:
        """Return what the namespaces of a listing begin with.

        As many parts follow the owner as the principal's own pattern has: so that a
        suffix cannot take the owner for a part, nor the owner's root be one.
        """
        found = self.inside(prefix)
        if not self._root:
            return found
        missing = max(1, len(suffix)) - len(prefix)
        return found + (ANY,) * max(0, missing)

    def depth(self, max_depth: int | None) -> int | None:
        """Return how many parts are shown, the owner counted."""
        return None if max_depth is None else max_depth + len(self._root)


def labels_of(path: str) -> list[str]:
    """Return the labels of a path, as a query has it.

    Raises:
        RequestFault: one is empty.
    """
    labels = path.split(".")
    if all(labels):
        return labels
    words = "a label is empty"
    faults = [Fault("query", "namespace", words)]
    raise RequestFault(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"The query is wrong at namespace: {words}.",
        faults,
    )
