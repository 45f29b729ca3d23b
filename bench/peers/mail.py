"""What a message costs elsewhere: asyncio.Queue, Thespian, xoscar.

The same three measurements as of Weft's actors: an ask and its answer; two actors that
tell each other in turn; a thousand actors that are told something each. All inside one
process, where each is fastest: Thespian on its ``simpleSystemBase``, xoscar on a pool
without further processes. Nothing is durable here.
"""

import importlib
from importlib.util import find_spec
from typing import Final, Literal

import msgspec

__all__ = ["MAIL_PEERS", "MailMeasurement", "MailName", "MailSpec", "lacking_mail",
           "measure_mail"]  # fmt: skip

MailName = Literal["asyncio.Queue", "thespian", "xoscar"]

MAIL_PEERS: Final[dict[MailName, str]] = {
    "asyncio.Queue": "mail_queue",
    "thespian": "mail_thespian",
    "xoscar": "mail_xoscar",
}


class MailSpec(msgspec.Struct, frozen=True, tag=True):
    """Measure one of them, with about so many messages of each sort."""

    name: MailName
    messages: int


class MailMeasurement(msgspec.Struct, frozen=True):
    """What a message costs, in microseconds.

    Attributes:
        ask_p50_us: an ask and its answer, one after the other.
        hop_us: one actor tells another, which tells the first, and so on.
        tell_us: one of 1,000 tells to 1,000 actors, until all are handled.
    """

    ask_p50_us: float
    hop_us: float
    tell_us: float


def lacking_mail(name: MailName) -> str | None:
    """Return what has to be installed to measure one; None if nothing."""
    if name == "asyncio.Queue" or find_spec(name) is not None:
        return None
    return f"missing: pip install {name}"


def measure_mail(spec: MailSpec) -> MailMeasurement:
    """Measure one of them."""
    module = importlib.import_module(f"bench.peers.{MAIL_PEERS[spec.name]}")
    ask_us, hop_us, tell_us = module.measure(spec.messages)
    return MailMeasurement(ask_us, hop_us, tell_us)
