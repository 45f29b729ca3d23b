"""TLS: a certificate and its key, tried before anything is listened on."""

import os
import ssl
from pathlib import Path
from typing import NamedTuple

from weft.daemon.listen import ListenError

__all__ = ["Tls", "check_tls"]


class Tls(NamedTuple):
    """Where a certificate and its key are, both PEM.

    Attributes:
        cert: the certificate, with its chain.
        key: its key.
    """

    cert: Path
    key: Path


def check_tls(cert: Path, key: Path) -> Tls:
    """Return a certificate and its key that can be used.

    Raises:
        ListenError: they cannot.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise ListenError(
            f"The certificate {cert} cannot be used with the key {key}: {words}",
            "Give a PEM certificate and the key that belongs to it.",
            os.EX_CONFIG,
        ) from error
    return Tls(cert, key)
