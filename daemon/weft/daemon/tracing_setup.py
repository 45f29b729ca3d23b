"""``daemon.tracing = "MODULE:ATTR"``: whose tracers are used, if any.

Without it nothing of OpenTelemetry is imported.
"""

import pkgutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft.daemon.workflows import AppError

if TYPE_CHECKING:
    from weft.daemon.tracing import Tracing

__all__ = ["found_under", "load_tracing"]


def load_tracing(name: str | None) -> "Tracing | None":
    """Return what a daemon needs to be traced, None if it is not to be.

    Args:
        name: ``MODULE:ATTR`` of a provider of tracers; the current directory is
            searched first.

    Raises:
        AppError: there is no such provider, or no OpenTelemetry.
    """
    if name is None:
        return None
    try:
        from opentelemetry.trace import TracerProvider

        from weft.daemon.tracing import Tracing
    except ModuleNotFoundError as error:
        words = f"daemon.tracing needs {error.name}. Install weft[otel]."
        raise AppError(words) from error
    found = found_under("daemon.tracing", name)
    if not isinstance(found, TracerProvider):
        words = f"{name} is {found!r}. It must be a TracerProvider of OpenTelemetry."
        raise AppError(words)
    return Tracing(found)


def found_under(key: str, name: str) -> Any:
    """Return what a key of the configuration names.

    Args:
        key: which one it is.
        name: ``MODULE:ATTR``; the current directory is searched first.

    Raises:
        AppError: there is nothing.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        words = f"{key} = {name!r} names nothing: {error}. Write MODULE:ATTR."
        raise AppError(words) from error
