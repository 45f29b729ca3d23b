"""Principals: who asks, and what they may do.

Guarantees: a principal that is bound to an owner has idempotency keys of its own, so
that it can neither read nor spoil the answer to somebody else's operation.
"""

import hashlib
from typing import Final, Literal, get_args

import msgspec

from weft.daemon.http.problems import Fault, RequestFault
from weft.storage.ids import ID_SIZE_BYTES_MAX

__all__ = ["ANYBODY", "SCOPES", "Principal", "Scope"]

Scope = Literal["read", "write", "admin", "metrics"]

SCOPES: Final[frozenset[Scope]] = frozenset(get_args(Scope))

_OWNER_DIGITS: Final = 16
"""Of the owner's digest, before its keys: 64 bits, so that no two share one."""


class Principal(msgspec.Struct, frozen=True):
    """Who asks.

    Attributes:
        name: for limits and logs; never secret.
        scopes: what they may do; ``admin`` includes ``read`` and ``write``.
        owner: the ``user_id`` whose sessions are all that they see; None for all. Who
            is bound to one administers nothing, for that is about everybody's.
    """

    name: str
    scopes: frozenset[Scope] = SCOPES
    owner: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether it may do what needs a scope."""
        if scope == "admin" and self.owner is not None:
            return False
        implied = scope in {"read", "write"} and "admin" in self.scopes
        return scope in self.scopes or implied

    def own_key(self, given: str) -> str:
        """Return the idempotency key that stands for the one given.

        Raises:
            RequestFault: it is too long.
        """
        if self.owner is None:
            return given
        key = self._prefix() + given
        if len(key.encode()) > ID_SIZE_BYTES_MAX:
            most = ID_SIZE_BYTES_MAX - len(self._prefix())
            words = f"has {len(given.encode())} bytes; {most} are allowed"
            detail = f"The Idempotency-Key {words}. Take a shorter one."
            raise RequestFault(422, detail, [Fault("header", "Idempotency-Key", words)])
        return key

    def given_key(self, key: str | None) -> str | None:
        """Return the idempotency key as it was given; the inverse of `own_key`."""
        if self.owner is None or key is None:
            return key
        return key.removeprefix(self._prefix())

    def _prefix(self) -> str:
        digest = hashlib.sha256((self.owner or "").encode()).hexdigest()
        return f"{digest[:_OWNER_DIGITS]}:"


ANYBODY: Final = Principal("anybody")
"""Who asks where no token is needed: on the Unix socket, whose file says who may, and
on loopback while no tokens are configured."""
