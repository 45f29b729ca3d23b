"""``weft status``: is it ready, and what does its store hold?

Exit codes: 0 it is ready; 1 it is not, or a check found something.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from weft.daemon.printing import print_json, print_lines
from weft.daemon.remote import Remote
from weft.daemon.source import DirectSource

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["show_status"]

MIB = 1 << 20


def show_status(target: "Target", output: str) -> int:
    """Print the state of a daemon, or of a data directory.

    Args:
        target: which.
        output: table, json or jsonl.

    Returns:
        the exit code.

    Raises:
        NoDaemon: nobody answers.
        StoreCorrupt: the directory holds no readable store.
    """
    if target.data is not None:
        with DirectSource.of(target.data) as source:
            facts = _of_store(source)
    else:
        with target.remote() as remote:
            facts = _of_daemon(remote)
    if output == "table":
        print_lines(_lines(facts))
    else:
        print_json(facts)
    return 1 if facts.get("why_not") or facts.get("findings") else 0


def _of_store(source: DirectSource) -> dict[str, Any]:
    counted = source.counters()
    facts: dict[str, Any] = {"place": source.place, "operations": source.seq()}
    for kind in ("sessions", "threads", "runs"):
        facts[kind] = dict(sorted(counted[kind].items()))
    return facts | {name: counted[name] for name in ("states", "associations")}


def _of_daemon(remote: Remote) -> dict[str, Any]:
    from weft.daemon.samples import Samples

    why_not = _why_not_ready(remote)
    page = Samples(remote.text("/metrics"))
    facts: dict[str, Any] = {
        "place": remote.place,
        "ready": why_not is None,
        "why_not": why_not,
        "version": next(iter(page.by("weft_build_info", "version")), ""),
        "operations": int(page.total("weft_store_last_seq")),
    }
    for kind in ("sessions", "threads", "runs"):
        by_status = page.by(f"weft_{kind}", "status")
        facts[kind] = {status: int(number) for status, number in by_status.items()}
    for kind in ("states", "associations"):
        facts[kind] = int(page.total(f"weft_{kind}"))
    facts["used_bytes"] = int(page.total("weft_store_used_bytes"))
    facts["waiting"] = int(page.total("weft_writer_queue_operations"))
    facts["findings"] = int(page.total("weft_check_inconsistencies"))
    clean_s = page.total("weft_check_last_clean_timestamp_seconds")
    clean = datetime.fromtimestamp(clean_s, UTC) if clean_s > 0 else None
    return facts | {"last_clean_check": clean}


def _why_not_ready(remote: Remote) -> str | None:
    from weft.daemon.remote import RemoteProblem
    from weft.storage.errors import SessionThreadException

    try:
        remote.ask("GET", "/readyz")
    except (RemoteProblem, SessionThreadException) as error:
        return str(error)
    return None


def _lines(facts: dict[str, Any]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for name, value in facts.items():
        match name, value:
            case (_, None) | ("why_not", _):
                continue
            case "ready", _:
                ready = "ready" if value else f"NOT READY: {facts['why_not']}"
                rows.append(("state", ready))
            case "used_bytes", _:
                rows.append(("store", f"{value / MIB:,.1f} MiB"))
            case "findings", 0:
                rows.append(("findings", "none"))
            case "findings", _:
                rows.append(("findings", f"{value:,}: look with `weft check`"))
            case "last_clean_check", _:
                rows.append(("last clean check", f"{value:%Y-%m-%d %H:%M:%S} UTC"))
            case _, dict():
                rows.append((name, _by_status(value)))
            case _:
                rows.append((name, f"{value:,}" if isinstance(value, int) else value))
    return rows


def _by_status(numbers: dict[str, int]) -> str:
    total = sum(numbers.values())
    parts = ", ".join(f"{n:,} {status}" for status, n in numbers.items() if n)
    return f"{total:,} ({parts})" if parts else "0"
