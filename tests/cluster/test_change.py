"""A draft in memory: its reads, its misses, and the statement it becomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.cluster.arrays import byte_array, char_array
from weft.cluster.change import Change
from weft.cluster.commit import Terms, commit_of
from weft.cluster.line import ByteArray, CharArray, connect
from weft.cluster.ranges import Range
from weft.cluster.recall import Recall
from weft.storage.keys import log_place

BOUNDS = (log_place(0), log_place(1 << 40))
TERMS = Terms(fences=(), log=0, before=log_place(0), prove_end=True, blind=True)


def drafted(recall: Recall) -> Change:
    return Change(recall, BOUNDS, None)


def test_a_miss_is_told_as_nothing_and_makes_the_draft_void() -> None:
    recall = Recall()
    change = drafted(recall)
    assert change.get("S", b"a") is None
    assert [] == list(change.scan("S", b"b"))
    assert (True, {("S", b"a")}) == (change.is_void, recall.missed)
    assert [Range.of("S", b"b")] == list(recall.short)


def test_what_is_remembered_or_drafted_is_no_miss() -> None:
    recall = Recall()
    recall.learn(("S", b"a"), b"1")
    recall.learn_range(Range.of("S", b"b"), [(b"b1", b"2"), (b"b3", b"4")], limit=9)
    change = drafted(recall)
    change.put_many("S", [(b"b2", b"3"), (b"c", b"5")])
    change.delete("S", b"b3")
    assert [b"1", b"3", None] == [change.get("S", k) for k in (b"a", b"b2", b"b3")]
    assert [(b"b1", b"2"), (b"b2", b"3")] == list(change.scan("S", b"b"))
    assert not change.is_void


def test_the_log_that_is_scanned_is_the_shards_own() -> None:
    recall = Recall()
    low, high = log_place(3 << 40), log_place(4 << 40)
    list(Change(recall, (low, high), None).scan("L", reverse=True))
    assert [Range("L", low, high, reverse=True)] == list(recall.short)


keys = st.binary(min_size=1, max_size=2).map(lambda data: bytes(x % 3 for x in data))


@given(
    st.dictionaries(keys, st.just(b"old")),
    st.dictionaries(keys, st.sampled_from([None, b"new"])),
    st.booleans(),
)
def test_a_scan_merges_what_is_there_with_what_is_drafted(
    there: dict[bytes, bytes], draft: dict[bytes, bytes | None], reverse: bool
) -> None:
    recall = Recall()
    stretch = Range.of("S", reverse=reverse)
    items = sorted(there.items(), reverse=reverse)
    recall.learn_range(stretch, items, limit=len(items) + 1)
    change = drafted(recall)
    for key, value in draft.items():
        if value is None:
            change.delete("S", key)
        else:
            change.put_many("S", [(key, value)])
    merged = {key: value for key, value in (there | draft).items() if value is not None}
    expected = sorted(merged.items(), reverse=reverse)
    assert expected == list(change.scan("S", reverse=reverse))


def test_each_entry_goes_with_what_was_known_of_it() -> None:
    known = {("T", b"new"): None, ("T", b"old"): b"old+crc1", ("T", b"gone"): b"x+crc2"}
    writes: dict[str, dict[bytes, bytes | None]] = {
        "T": {b"new": b"1", b"old": b"2", b"gone": None, b"blind": b"3"},
        "R": {b"over": b"4", b"deleted": None},
        "L": {log_place(1): b"5"},
        "O": {b"op": b"6"},
    }
    commit = commit_of(writes, [("T", b"old"), ("S", b"nobody")], known, TERMS)
    arrays = [bytes(value) for value in commit.values[7:]]
    new = [b"blind", b"new"]
    assert char_array("LOTT") == arrays[3]
    assert byte_array([log_place(1), b"op", *new]) == arrays[4]
    assert [byte_array([b"old"]), byte_array([b"crc1"])] == arrays[7:9]
    assert [byte_array([b"gone"]), byte_array([b"crc2"])] == arrays[11:13]
    assert byte_array([b"over"]) == arrays[14]
    assert byte_array([b"deleted"]) == arrays[17]
    assert (8, log_place(1), (b"op", b"6")) == (
        commit.rows,
        commit.after,
        commit.first_op,
    )


@pytest.mark.parametrize(
    "items", [[], [b""], [b"a", None, b"\x00" * 600], [b"x"] * 1000]
)
def test_the_server_reads_arrays_as_they_were_meant(
    server: str, items: list[bytes | None]
) -> None:
    connection = connect(server)
    row = connection.execute(
        b'SELECT %s::bytea[], %s::"char"[]',
        (ByteArray(byte_array(items)), CharArray(char_array("STR"[: len(items)]))),
        binary=True,
    ).fetchone()
    connection.close()
    assert row is not None
    assert (items, list("STR"[: len(items)])) == (row[0], list(row[1]))


def test_a_recall_lets_go_what_only_one_group_needed() -> None:
    recall = Recall()
    recall.learn(("X", b"state"), b"big")
    recall.learn(("T", b"thread"), b"small")
    recall.assume_absent([("S", b"name")])
    recall.end_group([("T", {b"other": b"1"}), ("L", {b"place": b"2"})])
    assert {("T", b"thread"): b"small", ("T", b"other"): b"1"} == recall.entries


def test_an_eager_draft_fetches_each_miss_at_once() -> None:
    recall = Recall()
    asked: list[int] = []

    def fetch() -> None:
        asked.append(len(recall.missed) + len(recall.short))
        for place in recall.missed:
            recall.learn(place, b"found")
        for stretch, limit in recall.short.items():
            recall.learn_range(stretch, [], limit)
        recall.missed, recall.short = set(), {}

    change = Change(recall, BOUNDS, fetch)
    assert (b"found", []) == (change.get("S", b"a"), list(change.scan("S", b"b")))
    assert ([1, 1], False) == (asked, change.is_void)
