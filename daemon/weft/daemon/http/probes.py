"""What probes, Prometheus and generators of clients ask about the daemon itself.

Guarantees: however many long reads wait for an OS thread, probes and Prometheus do not
wait behind them.
"""

from asyncio import get_running_loop
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Final, Literal, TypeVar

import msgspec
from starlette.responses import Response

from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.problems import RequestFault
from weft.metrics import render
from weft.storage import StoreClosed

__all__ = ["probes"]

probes: Final = Table("daemon")

T = TypeVar("T")

_APART: Final = ThreadPoolExecutor(2, "weft-probes")
"""A page of metrics takes some ms, a look at the numbers less: one for each."""


def _ready() -> Literal["ready"]:
    return "ready"  # from a factory: a default would be left out of the answer


class Alive(msgspec.Struct):
    """The process can answer."""

    status: Literal["alive"] = "alive"


class Ready(msgspec.Struct, omit_defaults=True):
    """Operations are taken.

    Attributes:
        parts: how each part of the runtime is, if that was asked for.
    """

    status: Literal["ready"] = msgspec.field(default_factory=_ready)
    parts: dict[str, Literal["ok", "bad"]] = {}


class Readiness(msgspec.Struct, forbid_unknown_fields=True):
    """How much to tell: ``?verbose`` adds the parts."""

    verbose: str | None = None


@probes.get("/livez", scope=None)
async def livez(_call: Call[None, None]) -> Alive:
    """Tell whether the process can answer anything."""
    return Alive()


@probes.get("/readyz", scope=None)
async def readyz(call: Call[None, Readiness]) -> Ready:
    """Tell whether operations are taken; 503 and why if not.

    Whoever asks with ``?verbose`` is told which parts are well. What is wrong with
    one of them stands in ``GET /health``, for those with a token.
    """
    runtime = call.site.runtime
    if runtime.closed:
        raise StoreClosed("The runtime is closed.")
    # In an OS thread: the numbers include a look at the store's file.
    statistics = await _apart(runtime.statistics)
    if statistics.writer.read_only:
        raise RequestFault(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The store cannot write at present; reads go on. "
            "Look for a full disk; writing resumes by itself.",
        )
    if call.query.verbose is None:
        return Ready()
    report = await call.aside(call.coordinator.health_check)
    return Ready(
        parts={name: "ok" if part.ok else "bad" for name, part in report.parts.items()}
    )


@probes.get("/metrics", scope="metrics")
async def metrics(call: Call[None, None]) -> Response:
    """Return what is counted, in the format that the scraper asks for."""
    if call.site.runtime.closed:
        raise StoreClosed("The runtime is closed.")
    accept = call.headers.get("accept", "")
    page, kind = await _apart(lambda: render(call.site.registry, accept))
    return Response(page, headers={"content-type": kind})


@probes.get("/openapi.json")
async def openapi(call: Call[None, None]) -> Response:
    """Return this description."""
    return Response(call.site.openapi(), media_type="application/json")


async def _apart(function: Callable[[], T]) -> T:
    """Return what a function does, on an OS thread that nobody else takes."""
    return await get_running_loop().run_in_executor(_APART, function)
