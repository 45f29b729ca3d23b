"""A registry of Weft's own, and the text of it in the format a scraper asked for.

Guarantees: nothing stands in ``prometheus_client``'s default registry unless the
application passes that one; rendering changes nothing and may run on any OS thread.

Rendering is work for the CPU, 5 ms per 1,000 series: keep it off an event loop.
"""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from weft.metrics.collector import RuntimeCollector, Source

__all__ = ["register", "render"]


def register(
    runtime: Source, registry: CollectorRegistry | None = None
) -> CollectorRegistry:
    """Show a runtime's numbers in a registry.

    Args:
        runtime: whose numbers.
        registry: where to; a fresh one if omitted.

    Returns:
        the registry.

    Raises:
        ValueError: the registry shows a runtime already.
    """
    registry = registry or CollectorRegistry()
    registry.register(RuntimeCollector(runtime))
    return registry


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
    return encode(registry), content_type
