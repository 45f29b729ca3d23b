"""``weft latency``: how long a daemon's answers take, as a client sees it."""

import sys
import time
from collections.abc import Callable
from itertools import count as numbers
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from weft.daemon.printing import emit, print_json
from weft.daemon.wire import path_of

if TYPE_CHECKING:
    from weft.daemon.remote import Remote
    from weft.daemon.target import Target

__all__ = ["measure"]


def measure(
    target: "Target",
    count: int | None,
    session_id: str | None,
    interval_s: float,
    output: str,
) -> None:
    """Ask again and again, and print figures.

    Args:
        target: the daemon.
        count: how often; None for until Ctrl-C.
        session_id: the session that is written to; None to write nothing.
        interval_s: seconds between two lines.
        output: table, json or jsonl; as JSON each line is an object.
    """
    with target.remote() as remote:
        ask = _request(remote, session_id)
        ask()  # the connection is not what is timed
        took_s: list[float] = []
        try:
            _run(ask, took_s, count, interval_s, output)
        except KeyboardInterrupt:
            sys.stderr.write("\n")
        if took_s:
            _show("all", took_s, output)


def _request(remote: "Remote", session_id: str | None) -> Callable[[], object]:
    if session_id is None:
        return lambda: remote.ask("GET", "/ok")
    remote.ask("POST", "/sessions", {"session_id": session_id, "if_exists": "open"})
    path = path_of("sessions", session_id, "interactions")
    body = {"interaction_type": "latency", "content": ""}
    return lambda: remote.ask("POST", path, body)


def _run(
    ask: Callable[[], object],
    took_s: list[float],
    count: int | None,
    interval_s: float,
    output: str,
) -> None:
    shown, next_s = 0, time.monotonic() + interval_s
    for _ in range(count) if count else numbers():
        before_s = time.perf_counter()
        ask()
        took_s.append(time.perf_counter() - before_s)
        if time.monotonic() >= next_s:
            _show("now", took_s[shown:], output)
            shown, next_s = len(took_s), time.monotonic() + interval_s


def _show(what: str, took_s: list[float], output: str) -> None:
    figures = _figures(took_s)
    if output != "table":
        print_json({"what": what, **figures})
        return
    times = "  ".join(
        f"{name} {figures[f'{name}_ms']:.2f} ms"
        for name in ("min", "p50", "p99", "max")
    )
    emit(f"{what:<4}{figures['count']:>8,} answers  {times}\n")


def _figures(took_s: list[float]) -> dict[str, Any]:
    cuts = quantiles(took_s, n=100, method="inclusive") if len(took_s) > 1 else None
    p50, p99 = (cuts[49], cuts[98]) if cuts else (took_s[0], took_s[0])
    times_s = {"min": min(took_s), "p50": p50, "p99": p99, "max": max(took_s)}
    rounded = {f"{name}_ms": round(t * 1000, 3) for name, t in times_s.items()}
    return {"count": len(took_s), **rounded}
