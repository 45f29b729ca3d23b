"""What storage and actors have counted, for Prometheus.

:func:`register` puts one collector into a registry of its own, :func:`render` turns
the registry into the text a scraper asked for, :data:`CATALOGUE` says what there is,
:func:`export` writes rules, dashboard and scrape configuration.
"""

from weft.metrics.catalogue import CATALOGUE
from weft.metrics.cluster import CLUSTER_CATALOGUE, ClusterNumbers, ClusterSource
from weft.metrics.collector import RuntimeCollector, Source
from weft.metrics.crons import CronStatistics
from weft.metrics.exemplars import Exemplar, note
from weft.metrics.export import export
from weft.metrics.http import HTTP_CATALOGUE, HttpSource, HttpStatistics
from weft.metrics.metric import Buckets, Label, Metric
from weft.metrics.registry import register, render, start_http_server
from weft.metrics.webhooks import WebhookStatistics

__all__ = [
    "CATALOGUE",
    "CLUSTER_CATALOGUE",
    "HTTP_CATALOGUE",
    "Buckets",
    "ClusterNumbers",
    "ClusterSource",
    "CronStatistics",
    "Exemplar",
    "HttpSource",
    "HttpStatistics",
    "Label",
    "Metric",
    "RuntimeCollector",
    "Source",
    "WebhookStatistics",
    "export",
    "note",
    "register",
    "render",
    "start_http_server",
]
