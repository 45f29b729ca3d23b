"""The shipped alert rules, judged by the daemon itself."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import weft.metrics
from tests.storage.planting import plant
from weft.actors import Runtime
from weft.daemon.http.alerting import RULES, AlertBoard
from weft.daemon.http.history import History
from weft.storage import MemoryStore, SessionExists

SHIPPED = Path(weft.metrics.__file__).parent / "shipped" / "weft.rules.yml"
OUTSIDE = ("WeftDown", "WeftCluster")
"""What only somebody outside can tell, and what is of a cluster, not of one process."""
UNITS_S = {"m": 60, "h": 3600}


class Clock:
    """A clock that is moved by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class World:
    """A runtime, looked at whenever time passes."""

    def __init__(self, runtime: Runtime, store: MemoryStore) -> None:
        self.runtime = runtime
        self.store = store
        self.clock = Clock()
        self.numbers: dict[str, float] = {}
        self.history = History(runtime.statistics, clock_s=self.clock)
        self.history.watch(self._change)
        self.board = AlertBoard(self.history)
        runtime.check()
        self.history.look()

    def _change(self, history: History) -> None:
        """Put what the test says in place of what was counted."""
        history.last.numbers.update(self.numbers)

    def passing(self, seconds: int) -> dict[str, Any]:
        """Let time pass; return the alerts' states by name."""
        for _ in range(seconds // 10):
            self.clock.now_s += 10
            self.history.look()
        return {alert.name: alert.state for alert in self.board.alerts()}


@pytest.fixture
def world() -> Iterator[World]:
    store = MemoryStore()
    with Runtime.open(store=store) as runtime:
        yield World(runtime, store)


def shipped() -> list[tuple[str, str, float]]:
    """Return name, severity and duration of the rules in the shipped file."""
    text = SHIPPED.read_text()
    found = []
    for block in text.split("- alert: ")[1:]:
        severity = re.search(r"severity: (\w+)", block)
        held = re.search(r"for: (\d+)([mh])", block)
        assert severity is not None
        for_s = int(held[1]) * UNITS_S[held[2]] if held else 0
        found.append((block.split("\n", 1)[0], severity[1], float(for_s)))
    return found


def test_the_rules_are_those_that_are_shipped() -> None:
    own = [(rule.name, rule.severity, rule.for_s) for rule in RULES]
    assert own == [rule for rule in shipped() if not rule[0].startswith(OUTSIDE)]


def test_nothing_is_wrong_with_a_runtime_that_works(world: World) -> None:
    for number in range(20):
        world.runtime.coordinator.create_session(f"s{number}").get(timeout=5)
    with pytest.raises(SessionExists):  # refused, as it should be, is no failure
        world.runtime.coordinator.create_session("s1").get(timeout=5)
    assert {} == world.passing(4000)


def test_a_condition_is_pending_until_it_has_held_for_its_duration(
    world: World,
) -> None:
    world.runtime.session("a").create_thread("n", thread_id="t").get(timeout=5)
    plant(world.store, ["removed_list_entry"])
    world.runtime.check()
    assert {"WeftInconsistent": "pending"} == world.passing(290)
    assert {"WeftInconsistent": "firing"} == world.passing(20)
    (alert,) = world.board.alerts()
    assert "The last check found 1 inconsistencies." == alert.summary
    assert "docs/runbooks.md#weftinconsistent" == alert.runbook
    world.runtime.coordinator.repair_all().get(timeout=10)
    assert {} == world.passing(10)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("WeftStoreReadOnly", {"weft_store_read_only": 1}),
        ("WeftCheckStale", {"weft_check_last_clean_timestamp_seconds": 0}),
        ("WeftStuckReader", {"weft_store_oldest_reader_commits": 10_001}),
        ("WeftWriterBacklog", {"weft_writer_lag_seconds": 5.1}),
        ("WeftMailboxBacklog", {"weft_dispatcher_lag_seconds": 6}),
        ("WeftQuarantines", {"weft_actors:quarantined": 1}),
        ("WeftLongTurns", {"weft_actor_long_turns_total": 6}),
        ("WeftOverloaded", {"weft_http_rejected_connections_total": 1}),
        ("WeftDeadLetters", {"weft_dead_letters_total:unhandled": 1}),
        ("WeftDispatcherCrashed", {"weft_dispatcher_crashes_total": 1}),
        ("WeftRepairsFail", {"weft_repairs_total:failed": 1}),
        (
            "WeftDiskNearlyFull",
            {"weft_store_disk_free_bytes": 1e9, "weft_store_file_bytes": 1},
        ),
        (
            "WeftOperationsFail",
            {"weft_operations_total": 100, "weft_operations_total:expired": 2},
        ),
        (
            "WeftHttpErrors",
            {"weft_http_requests_total": 100, "weft_http_requests_total:5xx": 2},
        ),
    ],
)
def test_a_rule_holds_when_its_numbers_say_so(
    world: World, name: str, numbers: dict[str, float]
) -> None:
    world.numbers = numbers
    assert name in world.passing(10)


def test_letters_to_what_has_stopped_are_expected(world: World) -> None:
    world.numbers = {"weft_dead_letters_total:stopped": 5}
    assert {} == world.passing(10)


def test_a_disk_that_fills_up_is_seen_ahead_of_time(world: World) -> None:
    gib = 2.0**30
    world.numbers = {
        "weft_store_disk_free_bytes": 100 * gib,
        "weft_store_file_bytes": 1,
    }
    world.passing(3700)
    world.numbers["weft_store_disk_free_bytes"] = 60 * gib  # 40 an hour: 1.5 hours
    assert {"WeftDiskFillsUp": "pending"} == world.passing(10)


def test_a_moments_writing_does_not_fill_a_disk(world: World) -> None:
    world.numbers = {"weft_store_disk_free_bytes": 2.0**40, "weft_store_file_bytes": 1}
    world.passing(590)
    world.numbers["weft_store_disk_free_bytes"] = 2.0**39
    assert {} == world.passing(10)


def test_what_grew_long_ago_holds_no_more(world: World) -> None:
    world.numbers = {"weft_dispatcher_crashes_total": 1}
    assert {"WeftDispatcherCrashed": "firing"} == world.passing(800)
    assert {} == world.passing(200)
