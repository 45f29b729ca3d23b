"""``daemon.metrics_reader = "MODULE:ATTR"``: who else collects the numbers, if anybody.

Without it nothing of OpenTelemetry is imported.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from weft.daemon.tracing_setup import found_under
from weft.daemon.workflows import AppError

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader

__all__ = ["collected_by", "load_reader"]

KEY = "daemon.metrics_reader"


def load_reader(name: str | None) -> "MetricReader | None":
    """Return a reader of OpenTelemetry's metrics, None if there is to be none.

    Args:
        name: ``MODULE:ATTR``; the current directory is searched first.

    Raises:
        AppError: there is no such reader, or no OpenTelemetry.
    """
    if name is None:
        return None
    try:
        from opentelemetry.sdk.metrics.export import MetricReader
    except ModuleNotFoundError as error:
        words = f"{KEY} needs {error.name}. Install weft[otel]."
        raise AppError(words) from error
    found = found_under(KEY, name)
    if not isinstance(found, MetricReader):
        words = f"{name} is {found!r}. It must be a MetricReader of OpenTelemetry."
        raise AppError(words)
    return found


def collected_by(
    reader: "MetricReader | None", registry: CollectorRegistry
) -> AbstractContextManager[None]:
    """Return a with block in which a reader collects a registry's numbers."""
    if reader is None:
        return nullcontext()
    from weft.metrics.opentelemetry import produced_for

    return produced_for(reader, registry)
