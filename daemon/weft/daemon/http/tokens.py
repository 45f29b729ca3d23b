"""Tokens: secrets that say who asks, from a file that can be changed while it serves.

A line of the file is one token::

    # the secret, then what it may do, whose sessions it sees, and what it is called
    k7Yf0lqVb2mWc9Rz scopes=read,write owner="alice" name=alice-laptop
    9tQwErTyUiOpAsDf

Everything but the secret may be left out: all scopes, all sessions, ``token 2``. A file
with nothing but one secret, as systemd passes it, is such a file.

Guarantees:
    * secrets are kept as digests, compared in constant time, and never shown;
    * a file that others can read is refused;
    * a file that is wrong changes nothing: the tokens before it stay.
"""

import hashlib
import hmac
import os
import shlex
import stat
from pathlib import Path
from typing import Final, cast

import msgspec

from weft.daemon.http.principals import ANYBODY, SCOPES, Principal, Scope
from weft.daemon.unusable import Unusable

__all__ = ["Token", "TokenError", "Tokens", "read_tokens"]

SECRET_CHARACTERS_MIN: Final = 16
"""At 6 bits a character, 96 bits: beyond guessing over a network."""

_FORBIDDEN: Final = stat.S_IROTH | stat.S_IWOTH | stat.S_IXOTH | stat.S_IWGRP


class TokenError(Unusable):
    """A file of tokens cannot be used."""


class Token(msgspec.Struct, frozen=True):
    """One token, without its secret.

    Attributes:
        digest: SHA-256 of the secret. A slow one would buy nothing: the secrets are
            long and random.
        principal: who asks with it.
    """

    digest: bytes
    principal: Principal


class Tokens:
    """The tokens of one application.

    Args:
        path: their file; None for no tokens, and nobody needs one then.

    Raises:
        TokenError: the file cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._tokens = () if path is None else read_tokens(path)

    @property
    def required(self) -> bool:
        """Whether a request over TCP needs one."""
        return self._path is not None

    def find(self, secret: str) -> Principal | None:
        """Return who asks with a secret, None if nobody does.

        All are compared, so that the time says nothing about where one stands.
        """
        digest = hashlib.sha256(secret.encode(errors="surrogateescape")).digest()
        found: Principal | None = None
        for token in self._tokens:
            if hmac.compare_digest(token.digest, digest):
                found = token.principal
        return found

    def knows(self, principal: Principal) -> bool:
        """Whether somebody can still ask as they did."""
        is_open = principal is ANYBODY
        return is_open or any(token.principal == principal for token in self._tokens)

    def reload(self) -> int:
        """Read the file again; return how many tokens there are.

        Raises:
            TokenError: it cannot be used; the tokens are the same as before.
        """
        if self._path is not None:
            self._tokens = read_tokens(self._path)
        return len(self._tokens)


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Return the tokens of a file.

    Raises:
        TokenError: it cannot be used.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise TokenError(
            f"The tokens cannot be read from {path}: {words}", "Mend the file."
        ) from error
    if mode & _FORBIDDEN:
        remedy = f"Make it private: chmod 600 {shlex.quote(str(path))}"
        raise TokenError(f"Others can read or change the tokens in {path}", remedy)
    tokens = tuple(
        _token(line, number, path)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    )
    if not tokens:
        raise TokenError(f"There are no tokens in {path}", "Put one into it.")
    if len({token.digest for token in tokens}) < len(tokens):
        raise TokenError(f"A token stands twice in {path}", "Give each its secret.")
    return tokens


def _token(line: str, number: int, path: Path) -> Token:
    place = f"Line {number} of {path}"
    try:
        secret, *options = shlex.split(line)
        given = dict(option.split("=", 1) for option in options)
    except ValueError as error:
        remedy = "Write: SECRET scopes=read,write owner=USER name=NAME"
        raise TokenError(f"{place} is no token", remedy) from error
    if unknown := set(given) - {"scopes", "owner", "name"}:
        remedy = "There are scopes, owner and name."
        raise TokenError(f"{place} has an unknown option {min(unknown)!r}", remedy)
    if len(secret) < SECRET_CHARACTERS_MIN:
        remedy = "Make one: openssl rand -hex 32"
        least = f"has a secret of fewer than {SECRET_CHARACTERS_MIN} characters"
        raise TokenError(f"{place} {least}", remedy)
    scopes = given.get("scopes", ",".join(SCOPES)).split(",")
    if wrong := set(scopes) - SCOPES:
        remedy = f"There are {', '.join(sorted(SCOPES))}."
        raise TokenError(f"{place} has an unknown scope {min(wrong)!r}", remedy)
    if given.get("owner") == "":
        raise TokenError(f"{place} has an empty owner", "Leave it out, or name one.")
    return Token(
        hashlib.sha256(secret.encode()).digest(),
        Principal(
            given.get("name", f"token {number}"),
            frozenset(cast("list[Scope]", scopes)),
            given.get("owner"),
        ),
    )
