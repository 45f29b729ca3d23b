"""Signatures of webhooks, as https://www.standardwebhooks.com has them.

The receiver learns from them that a webhook comes from this daemon, that nobody has
changed it, and when it was sent. Secrets stand in a file, one a line, as the libraries
for receivers take them (``whsec_`` and 24 to 64 bytes in base64). Each signs: while a
secret is exchanged, the old and the new one stand there.

Guarantees: a file that others can read is refused; a secret is never shown.
"""

import base64
import binascii
import hashlib
import hmac
import os
import shlex
import stat
from pathlib import Path
from typing import Final

from weft.daemon.unusable import Unusable

__all__ = ["SecretError", "Signer"]

PREFIX: Final = "whsec_"
SIZES_BYTES: Final = range(24, 65)
"""Of a secret; the standard's own bounds."""

_FORBIDDEN: Final = stat.S_IROTH | stat.S_IWOTH | stat.S_IXOTH | stat.S_IWGRP


class SecretError(Unusable):
    """The file of secrets cannot be used."""


class Signer:
    """Signs with the secrets of a file.

    Args:
        path: the file; None to sign nothing.

    Raises:
        SecretError: the file cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._secrets = () if path is None else _read(path)

    def reload(self) -> int:
        """Read the file again; return how many secrets there are.

        Raises:
            SecretError: it cannot be used; the secrets are the same as before.
        """
        if self._path is not None:
            self._secrets = _read(self._path)
        return len(self._secrets)

    def headers(self, webhook_id: str, at_s: int, body: bytes) -> dict[str, str]:
        """Return the headers of a webhook.

        Args:
            webhook_id: the same at each attempt, so that the receiver knows it again.
            at_s: when it is sent, in seconds since 1970.
            body: as it is sent.
        """
        found = {"webhook-id": webhook_id, "webhook-timestamp": str(at_s)}
        if self._secrets:
            signed = f"{webhook_id}.{at_s}.".encode() + body
            signatures = [
                hmac.digest(secret, signed, hashlib.sha256) for secret in self._secrets
            ]
            found["webhook-signature"] = " ".join(
                f"v1,{base64.b64encode(each).decode()}" for each in signatures
            )
        return found


def _read(path: Path) -> tuple[bytes, ...]:
    try:
        with path.open(encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or "it is not ASCII"
        raise SecretError(
            f"The secrets of webhooks cannot be read from {path}: {words}",
            "Mend the file.",
        ) from error
    if mode & _FORBIDDEN:
        remedy = f"Make it private: chmod 600 {shlex.quote(str(path))}"
        raise SecretError(f"Others can read or change the secrets in {path}", remedy)
    secrets = tuple(
        _secret(line, f"Line {number} of {path}")
        for number, line in enumerate(lines, 1)
        if line and not line.startswith("#")
    )
    if not secrets:
        raise SecretError(f"There are no secrets in {path}", "Put one into it.")
    return secrets


def _secret(line: str, place: str) -> bytes:
    try:
        secret = base64.b64decode(line.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        secret = b""
    if not line.startswith(PREFIX) or len(secret) not in SIZES_BYTES:
        remedy = 'Make one: echo "whsec_$(openssl rand -base64 32)"'
        raise SecretError(f"{place} is no secret of webhooks", remedy)
    return secret
