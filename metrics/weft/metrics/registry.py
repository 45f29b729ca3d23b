"""A registry of Weft's own, and the text of it in the format a scraper asked for.

Guarantees: nothing stands in ``prometheus_client``'s default registry unless the
application passes that one; rendering changes nothing and may run on any OS thread.

Rendering is work for the CPU, 3 ms per 1,000 series: keep it off an event loop.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final
from weakref import WeakKeyDictionary, ref

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from weft.metrics.collector import RuntimeCollector, Source
from weft.metrics.exposition import write
from weft.metrics.http import HttpSource

__all__ = ["register", "render", "start_http_server"]

_collectors: Final[WeakKeyDictionary[CollectorRegistry, "ref[RuntimeCollector]"]] = (
    WeakKeyDictionary()
)
"""Both weak: the registry holds its collector, and a runtime may hold the registry."""


def register(
    runtime: Source,
    registry: CollectorRegistry | None = None,
    *,
    name: str | None = None,
    http: HttpSource | None = None,
) -> CollectorRegistry:
    """Show a runtime's numbers in a registry.

    Args:
        runtime: whose numbers; once it is closed they disappear.
        registry: where to; a fresh one if omitted.
        name: of the runtime, where a registry shows several: the value of the label
            ``runtime`` on all its series. Not for one name per user: it makes as many
            series as there are runtimes.
        http: the HTTP face of the runtime, if it has one.

    Returns:
        the registry.

    Raises:
        ValueError: the registry shows a runtime of that name, or one without a name,
            already; or something else has the names of Weft's metrics.
    """
    registry = registry or CollectorRegistry()
    held = _collectors.get(registry)
    known = None if held is None else held()
    if known is not None:
        known.add(runtime, name, http)
    else:
        collector = RuntimeCollector(runtime, name, http)
        registry.register(collector)
        _collectors[registry] = ref(collector)
    return registry


@contextmanager
def start_http_server(
    runtime: Source, port: int, address: str = "127.0.0.1"
) -> Generator[int]:
    """Serve a runtime's page on an OS thread, for applications without the daemon.

    There is no token: listen where only the scraper comes.

    Args:
        runtime: whose numbers.
        port: where; 0 takes a free one.
        address: of the interface.

    Yields:
        the port.
    """
    server, os_thread = prometheus_client.start_http_server(
        port, address, registry=register(runtime)
    )
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        os_thread.join()


def render(registry: CollectorRegistry, accept: str = "") -> tuple[bytes, str]:
    """Return the page of a registry.

    Args:
        registry: what to show.
        accept: the request's ``Accept`` header: OpenMetrics or the text format.

    Returns:
        the page and its content type.
    """
    try:
        encode, content_type = choose_encoder(accept)
    except TypeError:  # a version that is no number compares with none
        encode, content_type = choose_encoder("")
    families = list(registry.collect())
    if all(family.name.startswith("weft_") for family in families):
        openmetrics = content_type.startswith("application/openmetrics-text")
        return write(families, openmetrics=openmetrics), content_type
    return encode(registry), content_type
