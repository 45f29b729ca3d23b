"""Where a webhook may go: which URLs are taken, and which addresses are connected to.

Whoever may start a run names a URL that this process then asks. Without rules that is
a way into the network it stands in (server-side request forgery). Pure: text and
addresses in, a verdict out.

Guarantees:
    * an address that is not of the public internet is refused, in whatever notation:
      private, loopback, link-local, shared, multicast, reserved, and IPv4 addresses of
      these kinds inside IPv6 ones; unless a network of the configuration holds it;
    * a host that only an old resolver takes for an address (``127.1``, ``0x7f000001``,
      ``0177.0.0.1``) is refused;
    * what a URL says is told by one parser, once: the request is made of its parts.

Not here: resolving names. Their addresses are judged when they are connected to
(:mod:`weft.daemon.webhook_network`).
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

__all__ = ["Address", "Forbidden", "Guard", "Network", "Target", "network_of"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

URL_CHARACTERS_MAX: Final = 2048
"""What clients and servers agree to handle."""

_PORTS: Final = {"https": 443, "http": 80}

_URL: Final = re.compile(r"[!-\[\]-~]+")
"""Printable ASCII without the backslash, which some take for a slash."""

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
_NUMBER: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)")

_UNICAST: Final = IPv6Network("2000::/3")
"""All of IPv6 that is routed in public (RFC 4291)."""

_TUNNELS: Final = tuple(
    map(IPv6Network, ("2001::/32", "2002::/16", "64:ff9b::/96", "64:ff9b:1::/48"))
)
"""Addresses that lead to an IPv4 address inside them: Teredo, 6to4, NAT64."""

_RELAYS: Final = IPv4Network("192.88.99.0/24")
"""Of 6to4 (RFC 7526); Python holds them for public."""


class Forbidden(ValueError):
    """A webhook may not go there; the sentence says why, without the URL's secrets."""


class Target(NamedTuple):
    """Where one webhook goes.

    Attributes:
        scheme: ``https`` or ``http``.
        host: a name in lower case, or an address without brackets.
        port: of TCP.
        path: with its query; secrets may stand in it.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the header ``Host`` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == _PORTS[self.scheme]
        return host if is_usual else f"{host}:{self.port}"


class Guard(msgspec.Struct, frozen=True):
    """The rules of one daemon.

    Attributes:
        allow_http: whether a URL may do without TLS.
        hosts: patterns of names, one of which must match; empty for all.
        networks: whose addresses are allowed though they are not public.
    """

    allow_http: bool = False
    hosts: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    def target(self, url: str) -> Target:
        """Return where a URL leads.

        Raises:
            Forbidden: no webhook may go there.
        """
        if len(url) > URL_CHARACTERS_MAX or not _URL.fullmatch(url):
            raise Forbidden(
                f"it must be of 1 to {URL_CHARACTERS_MAX} characters of ASCII, "
                "without spaces and backslashes"
            )
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError as error:
            raise Forbidden("its host or port is wrong") from error
        if parts.scheme not in _PORTS or (
            parts.scheme == "http" and not self.allow_http
        ):
            allowed = "https or http" if self.allow_http else "https"
            raise Forbidden(f"it must begin with {allowed}://")
        if "@" in parts.netloc:
            raise Forbidden("it must not hold a user or a password")
        if port == 0:
            raise Forbidden("its host or port is wrong")
        self._check_host(host)
        path = parts.path or "/"
        if parts.query:
            path += f"?{parts.query}"
        return Target(parts.scheme, host, port or _PORTS[parts.scheme], path)

    def _check_host(self, host: str) -> None:
        address = _address(host)
        if address is not None:
            self.check([address])
        elif not _NAME.fullmatch(host) or _NUMBER.fullmatch(_last_label(host)):
            raise Forbidden("its host is neither a name nor an address")
        if self.hosts and not any(
            fnmatchcase(host.rstrip("."), pattern.lower()) for pattern in self.hosts
        ):
            raise Forbidden("its host is none of webhooks.hosts")

    def check(self, addresses: Iterable[Address]) -> None:
        """Judge the addresses that a name leads to, all of them.

        Raises:
            Forbidden: one is not public, and in none of the allowed networks.
        """
        for address in addresses:
            plain = _plain(address)
            if not (any(plain in one for one in self.networks) or _is_public(plain)):
                raise Forbidden("its host leads to an address that is not public")


def network_of(text: str) -> Network:
    """Return a network in CIDR notation.

    Raises:
        ValueError: it is none.
    """
    return ip_network(text)


def _address(host: str) -> Address | None:
    if "%" in host:  # a zone: of one link only
        raise Forbidden("its host is neither a name nor an address")
    try:
        return ip_address(host)
    except ValueError:
        return None


def _last_label(host: str) -> str:
    return host.rstrip(".").rpartition(".")[2]


def _plain(address: Address) -> Address:
    """Return an IPv4 address that stands in an IPv6 one by itself."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address):
        return address in _UNICAST and not any(address in one for one in _TUNNELS)
    return address not in _RELAYS
