"""``weft top``: what a daemon does, look after look.

Rates and latencies are those since the look before, the hottest sessions are those with
the most operations since then. Latencies are upper ends of histogram buckets.
"""

import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from weft.daemon.printing import bold, emit, print_json, print_lines, table
from weft.daemon.remote import Remote
from weft.daemon.samples import Samples
from weft.daemon.source import Doc, RemoteSource

__all__ = ["Top"]

OPERATIONS_MAX: Final = 5000
"""Operations of one interval that are looked into for the hottest sessions."""

COUNTED: Final = {
    "operations": "weft_operations_total",
    "runs": "weft_runs_finished_total",
}
LATENCIES: Final = {
    "operation": "weft_operation_duration_seconds",
    "commit": "weft_commit_duration_seconds",
    "mailbox": "weft_actor_mailbox_wait_seconds",
    "turn": "weft_actor_turn_duration_seconds",
}


class Top:
    """Looks at a daemon.

    Args:
        remote: the daemon.
        rows: how many of the hottest sessions to show.
        output: table, json or jsonl.
        clock: seconds.
    """

    def __init__(
        self,
        remote: Remote,
        rows: int,
        output: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._remote = remote
        self._rows = rows
        self._output = output
        self._clock = clock
        self._before: Samples | None = None
        self._before_s = 0.0

    def look(self) -> None:
        """Print what happened since the look before."""
        page, now_s = Samples(self._remote.text("/metrics")), self._clock()
        facts = self._facts(page, now_s - self._before_s)
        self._before, self._before_s = page, now_s
        if self._output == "table":
            _show(facts)
        else:
            print_json(facts)

    def _facts(self, page: Samples, passed_s: float) -> Doc:
        before = self._before
        facts: Doc = {"place": self._remote.place}
        for name, metric in COUNTED.items():
            total, rate = page.total(metric), None
            if before is not None:
                rate = round((total - before.total(metric)) / passed_s, 1)
            facts[name] = {"total": int(total), "per_second": rate}
        facts["latency_ms"] = {
            name: {
                f"p{int(100 * q)}": _ms(page.quantile(metric, q, before))
                for q in (0.5, 0.99)
            }
            for name, metric in LATENCIES.items()
        }
        facts["waiting"] = int(page.total("weft_writer_queue_operations"))
        facts["mail"] = int(page.total("weft_actor_mailbox_messages"))
        facts["actors"] = int(page.total("weft_actors"))
        facts["findings"] = int(page.total("weft_check_inconsistencies"))
        facts["hottest"] = self._hottest(before)
        return facts

    def _hottest(self, before: Samples | None) -> list[Doc]:
        if before is None or not self._rows:
            return []
        last = int(before.total("weft_store_last_seq"))
        found = RemoteSource(self._remote).operations(last)
        counted: Counter[str] = Counter()
        for operation in islice(found, OPERATIONS_MAX):
            counted.update(operation["session_ids"])
        ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
        return [
            {"session_id": session_id, "operations": number}
            for session_id, number in ordered[: self._rows]
        ]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _show(facts: Doc) -> None:
    emit(bold(f"{facts['place']}\n"))
    rows: list[tuple[str, object]] = [
        (name, _rate(facts[name])) for name in ("operations", "runs")
    ]
    rows += [
        ("backlog", f"{facts['waiting']:,} operations, {facts['mail']:,} messages"),
        ("actors", f"{facts['actors']:,} resident"),
        ("findings", f"{facts['findings']:,}" if facts["findings"] else "none"),
    ]
    print_lines(rows)
    latencies = [
        [name, *(_shown(value) for value in of.values())]
        for name, of in facts["latency_ms"].items()
    ]
    emit("\n" + table(["LATENCY", "P50 MS", "P99 MS"], latencies))
    hottest = [
        [each["session_id"], str(each["operations"])] for each in facts["hottest"]
    ]
    if hottest:
        emit("\n" + table(["HOTTEST SESSIONS", "OPERATIONS"], hottest))


def _rate(fact: dict[str, Any]) -> str:
    rate = fact["per_second"]
    return f"{fact['total']:,}" + ("" if rate is None else f", {rate:,.1f} a second")


def _shown(value: float | None) -> str:
    return "-" if value is None else f"<= {value:g}"
