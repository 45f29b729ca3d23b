"""The tests of the local runtime, to be run through a daemon.

They are the very same functions: the fixtures of this folder lead to a client.
"""

from types import ModuleType
from typing import Any

LOCAL_ONLY = {
    # Of a finding the daemon shows what it is about, not what a repair needs of it.
    "test_health_has_the_findings_of_the_last_check",
    # What is asked without waiting for answers arrives in no order.
    "test_a_run_that_moves_keeps_streaming",
    "test_interactions_are_listed_in_their_order",
    "test_three_concurrent_increments_give_three",
    "test_a_run_is_rejected_by_one_that_waits_as_well",
    "test_a_run_that_interrupts_begins_after_what_the_other_wrote",
    # A client neither closes nor opens a store.
    "test_closing_answers_who_waits_and_the_run_begins_at_the_next_open",
}

SERVED = {"coordinator", "open_runtime", "runtime", "station"}
"""Fixtures that are this folder's own."""


def contract(*modules: ModuleType) -> dict[str, Any]:
    """Return the tests of modules, and the fixtures that they bring along."""
    found: dict[str, Any] = {}
    for module in modules:
        brought = {
            name: value
            for name, value in vars(module).items()
            if name not in LOCAL_ONLY | SERVED
            and (name.startswith("test_") or "Fixture" in type(value).__name__)
        }
        clashing = found.keys() & brought.keys()
        assert not clashing, f"{module.__name__} shares {clashing} with another one"
        found |= brought
    return found
