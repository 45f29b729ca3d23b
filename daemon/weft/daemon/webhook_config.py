"""The configuration of webhooks: ``[webhooks]``."""

import os
from pathlib import Path
from typing import Annotated, Final

import msgspec

from weft.daemon.webhook_guard import Guard, network_of

__all__ = ["WebhooksConfig"]

CREDENTIAL: Final = "weft-webhook-secrets"
"""What a systemd unit calls its secrets (``LoadCredential=``)."""


class WebhooksConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """What is told when runs have ended, and to whom.

    Attributes:
        enabled: whether runs may name a webhook.
        secret_file: what signs webhooks; the systemd credential
            ``weft-webhook-secrets`` if omitted.
        allow_http: whether a URL may do without TLS.
        hosts: patterns of the names that webhooks go to; empty for all.
        allow_networks: networks in CIDR notation that webhooks may go to though they
            are not public.
        outbox: where is kept what is still to be told; in the data directory if
            omitted. A daemon of a cluster has none, and keeps it in memory.
        timeout_s: of one request.
        retry_for_s: how long after a run's end it is tried again.
        requests_max: under way at once; a quarter of them to one host.
        body_size_bytes_max: of a request; a larger one leaves out what is large.
    """

    enabled: bool = True
    secret_file: str | None = None
    allow_http: bool = False
    hosts: tuple[str, ...] = ()
    allow_networks: tuple[str, ...] = ()
    outbox: str | None = None
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=300)] = 15.0
    retry_for_s: Annotated[float, msgspec.Meta(ge=0, le=604_800)] = 86_400.0
    requests_max: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 16
    body_size_bytes_max: Annotated[int, msgspec.Meta(ge=1024, le=1 << 26)] = 1 << 20

    def __post_init__(self) -> None:
        """Judge the networks."""
        _ = self.guard

    @property
    def guard(self) -> Guard:
        """Where webhooks may go."""
        networks = tuple(map(network_of, self.allow_networks))
        return Guard(self.allow_http, self.hosts, networks)

    @property
    def secret_path(self) -> Path | None:
        """The file of secrets, None if there is none to be used."""
        if self.secret_file is not None:
            return _path(self.secret_file)
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        if directory is None:
            return None
        credential = Path(directory, CREDENTIAL)
        return credential if credential.exists() else None

    @property
    def outbox_path(self) -> Path | None:
        """Where is kept what is still to be told, None if it is not said."""
        return None if self.outbox is None else _path(self.outbox)


def _path(text: str) -> Path:
    return Path(os.path.expandvars(text)).expanduser()
