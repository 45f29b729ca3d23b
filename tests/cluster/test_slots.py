"""Slots: where a session belongs, for ever."""

from weft.cluster import SLOTS, SlotMap, slot_of


def test_a_sessions_slot_never_changes() -> None:
    found = [slot_of(session_id) for session_id in ("alice", "bob", "ålice", "")]
    assert [48_199, 45_376, 51_448, 0] == found


def test_sessions_spread_over_the_slots() -> None:
    counts = [0] * 16
    for number in range(16_000):
        counts[slot_of(f"session-{number}") * 16 // SLOTS] += 1
    assert 800 < min(counts) <= max(counts) < 1200


def test_a_map_tells_both_ways() -> None:
    found = SlotMap(tuple(slot % 3 for slot in range(SLOTS)))
    assert slot_of("alice") % 3 == found.shard_of("alice")
    assert list(range(1, SLOTS, 3)) == found.slots_of(1)
    assert 0 == found.keeper
    assert {0: 21_846, 1: 21_845, 2: 21_845} == found.counts()
