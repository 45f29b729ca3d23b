"""How the runtime is, over HTTP: more than probes are told."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.views import FindingView

__all__ = ["health"]

health: Final = Table("daemon")


class PartView(msgspec.Struct):
    """How one part of the runtime is, with the numbers behind it."""

    ok: bool
    detail: str


class HealthView(msgspec.Struct):
    """Whether the runtime may write, keeps up, and was found consistent."""

    status: Literal["healthy", "unhealthy"]
    issues: list[str]
    timestamp: datetime
    store_writable: bool
    queue_depth: int
    last_clean_check: datetime | None
    inconsistencies: list[FindingView]
    actors: dict[str, int]
    parts: dict[str, PartView]


@health.get("/health", scope="admin")
async def get_health(call: Call[None, None]) -> HealthView:
    """Tell how the runtime is: its store, its queue, what the last check found."""
    report = await call.aside(call.coordinator.health_check)
    return HealthView(
        report.status,
        report.issues,
        report.timestamp,
        report.store_writable,
        report.queue_depth,
        report.last_clean_check,
        [FindingView.of(finding) for finding in report.inconsistencies],
        report.actors,
        {name: PartView(part.ok, part.detail) for name, part in report.parts.items()},
    )
