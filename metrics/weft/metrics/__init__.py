"""What storage and actors have counted, for Prometheus.

:func:`register` puts one collector into a registry of its own, :func:`render` turns
the registry into the text a scraper asked for, :data:`CATALOGUE` says what there is.
"""

from weft.metrics.catalogue import CATALOGUE, Buckets, Label, Metric
from weft.metrics.collector import RuntimeCollector, Source
from weft.metrics.registry import register, render

__all__ = [
    "CATALOGUE",
    "Buckets",
    "Label",
    "Metric",
    "RuntimeCollector",
    "Source",
    "register",
    "render",
]
