"""A check of some sessions finds what is theirs, and costs what they hold."""

from collections import Counter

import pytest

from tests.storage.checking import check_store, clone_in_memory, told
from tests.storage.planting import HIDDEN, PLANTERS, plant
from tests.storage.workload import SESSIONS
from weft.storage import MemoryStore
from weft.storage.check import check


@pytest.mark.parametrize("name", PLANTERS)
def test_a_session_check_finds_what_its_indexes_lead_to_and_nothing_else(
    original: MemoryStore, name: str
) -> None:
    store = clone_in_memory(original)
    (planted,) = plant(store, [name])
    for number in range(SESSIONS):
        session_id = f"s{number}"
        mine = session_id == planted.session_id and name not in HIDDEN
        expected = Counter([planted] if mine else [])
        assert expected == told(check_store(store, session_id))


THOROUGH = frozenset({"removed_list_entry", "one_name_twice", "second_active_row"})
"""What only a look at all threads finds for a session."""


@pytest.mark.parametrize("name", sorted(THOROUGH))
def test_a_thorough_session_check_finds_what_its_list_leaves_out(
    original: MemoryStore, name: str
) -> None:
    store = clone_in_memory(original)
    (planted,) = plant(store, [name])
    with store.read() as snapshot:
        for number in range(SESSIONS):
            session_id = f"s{number}"
            report = check(snapshot, session_id=session_id, thorough=True)
            mine = session_id == planted.session_id
            assert Counter([planted] if mine else []) == told(report)


def test_several_sessions_can_be_checked_together(original: MemoryStore) -> None:
    store = clone_in_memory(original)
    planted = plant(store, ["removed_row", "other_name_in_the_list", "inactive_row"])
    wanted = {planted[0].session_id, planted[2].session_id}
    with store.read() as snapshot:
        report = check(snapshot, session_ids=[s for s in wanted if s is not None])
    mine = [finding for finding in planted if finding.session_id in wanted]
    assert Counter(mine) == told(report)


def test_a_session_check_costs_what_the_session_holds(
    original: MemoryStore,
) -> None:
    with original.read() as snapshot:
        listed = len(list(snapshot.names("s3")))
        report = check(snapshot, session_id="s3")
    assert 1 == report.sessions
    assert 0 < listed <= report.threads < 2 * listed + 10
    assert 0 == report.operations
