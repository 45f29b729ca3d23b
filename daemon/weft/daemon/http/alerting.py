"""The shipped alert rules, judged here: which alerts a Prometheus would send.

The rules are those of ``weft.rules.yml``, in Python over a :class:`History`; a test
holds names, severities and durations against that file. A rule whose condition holds
is *pending*, and *firing* once it has held for the rule's duration.

Guarantees: judging is arithmetic over two looks, some microseconds; nothing is sent.

Not here: ``WeftDown``, which only somebody outside can tell, and what is of a cluster.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from weft.daemon.http.history import History, Look
from weft.storage.statistics import HistogramSnapshot

__all__ = ["RULES", "AlertBoard", "AlertView", "Rule"]

MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
FIVE_MINUTES_S: Final = 5 * MINUTE_S
TEN_MINUTES_S: Final = 10 * MINUTE_S
DISK_FREE_BYTES_MIN: Final = 1 << 30

Severity = Literal["warning", "critical"]


class Rule(msgspec.Struct, frozen=True):
    """One rule.

    Attributes:
        name: of the alert.
        severity: how bad it is.
        for_s: how long the condition holds before it fires, in seconds.
        summary: a sentence; ``{value}`` is what was measured.
        holds: returns what was measured if the condition holds, else None.
    """

    name: str
    severity: Severity
    for_s: float
    summary: str
    holds: Callable[[History], float | None]


class AlertView(msgspec.Struct):
    """An alert whose condition holds; it fires once it has held long enough."""

    name: str
    severity: Severity
    state: Literal["pending", "firing"]
    summary: str
    since: datetime
    for_s: float
    runbook: str


class AlertBoard:
    """Which conditions hold, and since when.

    Args:
        history: looked at after each look.
    """

    def __init__(self, history: History) -> None:
        self._holding: dict[str, tuple[float, float, float]] = {}
        self._now_s = 0.0
        history.watch(self.judge)

    def judge(self, history: History) -> None:
        """Judge all rules by the last look."""
        look = history.last
        self._now_s = look.clock_s
        holding: dict[str, tuple[float, float, float]] = {}
        for rule in RULES:
            value = rule.holds(history)
            if value is not None:
                began = self._holding.get(rule.name, (look.clock_s, look.at_s, 0.0))
                holding[rule.name] = (began[0], began[1], value)
        self._holding = holding

    def alerts(self) -> list[AlertView]:
        """Return the alerts that are pending or firing, firing ones first."""
        holding = self._holding
        found = [
            self._view(rule, *holding[rule.name])
            for rule in RULES
            if rule.name in holding
        ]
        return sorted(found, key=lambda alert: (alert.state, alert.severity))

    def _view(self, rule: Rule, began_s: float, at_s: float, value: float) -> AlertView:
        return AlertView(
            rule.name,
            rule.severity,
            "firing" if self._now_s - began_s >= rule.for_s else "pending",
            rule.summary.format(value=f"{value:,.4g}"),
            datetime.fromtimestamp(at_s, UTC),
            rule.for_s,
            f"docs/runbooks.md#{rule.name.lower()}",
        )


def _above(name: str, limit: float) -> Callable[[History], float | None]:
    return lambda history: _over(history.last.numbers.get(name, 0), limit)


def _grew(
    name: str, window_s: float, limit: float = 0
) -> Callable[[History], float | None]:
    return lambda history: _over(history.increase(name, window_s), limit)


def _over(value: float, limit: float) -> float | None:
    return value if value > limit else None


def _stale(history: History) -> float | None:
    clean_s = history.last.numbers["weft_check_last_clean_timestamp_seconds"]
    return _over((history.last.at_s - clean_s) / HOUR_S, 26)


def _is_on_disk(look: Look) -> bool:
    return look.numbers["weft_store_file_bytes"] > 0


def _nearly_full(history: History) -> float | None:
    free_bytes = history.last.numbers["weft_store_disk_free_bytes"]
    full = free_bytes < DISK_FREE_BYTES_MIN and _is_on_disk(history.last)
    return free_bytes / 1e9 if full else None


def _fills_up(history: History) -> float | None:
    name = "weft_store_disk_free_bytes"
    seen_s = history.last.clock_s - history.since(HOUR_S).clock_s
    if seen_s < TEN_MINUTES_S:  # a moment's writing says nothing of the next hours
        return None
    per_s = history.rate(name, HOUR_S)
    left_bytes = history.last.numbers[name]
    if per_s >= 0 or not _is_on_disk(history.last):
        return None
    left_hours = left_bytes / -per_s / HOUR_S
    return left_hours if left_hours < 4 else None  # noqa: PLR2004 - the rule's


def _slow_flush(history: History) -> float | None:
    now, before = history.last.flushes, history.since(FIVE_MINUTES_S).flushes
    return _over(_p99_s(now, before), 0.25)


def _p99_s(now: HistogramSnapshot, before: HistogramSnapshot) -> float:
    """Return the upper bound of the bucket in which the 99th percentile lies, in s."""
    counts = [a - b for a, b in zip(now.counts, before.counts, strict=True)]
    rest = sum(counts) * 0.01
    for bucket in range(len(counts) - 1, 0, -1):
        rest -= counts[bucket]
        if rest < 0:
            return float(2**bucket) / 1e9
    return 0.0


def _failing(history: History) -> float | None:
    parts = ("weft_operations_total:failed", "weft_operations_total:expired")
    failed = sum(history.increase(name, FIVE_MINUTES_S) for name in parts)
    return _share(failed, history.increase("weft_operations_total", FIVE_MINUTES_S))


def _http_failing(history: History) -> float | None:
    failed = history.increase("weft_http_requests_total:5xx", FIVE_MINUTES_S)
    return _share(failed, history.increase("weft_http_requests_total", FIVE_MINUTES_S))


def _share(part: float, whole: float) -> float | None:
    return _over(100 * part / whole, 1) if whole else None


def _turned_away(history: History) -> float | None:
    names = (
        "weft_actor_messages_refused_total",
        "weft_http_rejected_connections_total",
    )
    return _over(sum(history.increase(name, FIVE_MINUTES_S) for name in names), 0)


def _dead_letters(history: History) -> float | None:
    name = "weft_dead_letters_total"
    kinds = [key for key in history.last.numbers if key.startswith(f"{name}:")]
    expected = {f"{name}:shutdown", f"{name}:stopped"}
    lost = (
        history.increase(key, TEN_MINUTES_S) for key in kinds if key not in expected
    )
    return _over(sum(lost), 0)


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "WeftStoreReadOnly",
        "critical",
        MINUTE_S,
        "The store cannot be written.",
        _above("weft_store_read_only", 0),
    ),
    Rule(
        "WeftInconsistent",
        "critical",
        FIVE_MINUTES_S,
        "The last check found {value} inconsistencies.",
        _above("weft_check_inconsistencies", 0),
    ),
    Rule(
        "WeftCheckStale",
        "warning",
        2 * HOUR_S,
        "No check was clean for more than a day.",
        _stale,
    ),
    Rule(
        "WeftDiskNearlyFull",
        "warning",
        TEN_MINUTES_S,
        "The disk has {value} GB left.",
        _nearly_full,
    ),
    Rule(
        "WeftDiskFillsUp",
        "warning",
        30 * MINUTE_S,
        "The disk will be full within {value} hours.",
        _fills_up,
    ),
    Rule(
        "WeftStuckReader",
        "warning",
        TEN_MINUTES_S,
        "A reader of the store is {value} commits behind; the file grows.",
        _above("weft_store_oldest_reader_commits", 10_000),
    ),
    Rule(
        "WeftCommitSlow",
        "warning",
        TEN_MINUTES_S,
        "A flush takes up to {value} s (p99).",
        _slow_flush,
    ),
    Rule(
        "WeftWriterBacklog",
        "critical",
        2 * MINUTE_S,
        "An operation has waited {value} s for the writer.",
        _above("weft_writer_lag_seconds", 5),
    ),
    Rule(
        "WeftMailboxBacklog",
        "critical",
        2 * MINUTE_S,
        "A message has waited {value} s for its turn.",
        _above("weft_dispatcher_lag_seconds", 5),
    ),
    Rule(
        "WeftLongTurns",
        "warning",
        FIVE_MINUTES_S,
        "{value} turns in ten minutes kept all actors waiting.",
        _grew("weft_actor_long_turns_total", TEN_MINUTES_S, 5),
    ),
    Rule(
        "WeftOperationsFail",
        "warning",
        TEN_MINUTES_S,
        "{value} % of the operations fail or expire.",
        _failing,
    ),
    Rule(
        "WeftOverloaded",
        "warning",
        FIVE_MINUTES_S,
        "Clients are turned away: {value} in five minutes.",
        _turned_away,
    ),
    Rule(
        "WeftDeadLetters",
        "warning",
        FIVE_MINUTES_S,
        "{value} messages were handled by nobody.",
        _dead_letters,
    ),
    Rule(
        "WeftQuarantines",
        "warning",
        FIVE_MINUTES_S,
        "{value} sessions are in quarantine.",
        _above("weft_actors:quarantined", 0),
    ),
    Rule(
        "WeftDispatcherCrashed",
        "critical",
        0.0,
        "The dispatcher broke and went on.",
        _grew("weft_dispatcher_crashes_total", 15 * MINUTE_S),
    ),
    Rule(
        "WeftHttpErrors",
        "warning",
        TEN_MINUTES_S,
        "{value} % of the requests end in a 5xx.",
        _http_failing,
    ),
    Rule(
        "WeftRepairsFail",
        "warning",
        0.0,
        "{value} repairs failed within the hour.",
        _grew("weft_repairs_total:failed", HOUR_S),
    ),
)
"""In the order of the shipped file."""
