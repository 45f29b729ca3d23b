"""A store that works for ever keeps its size, because it forgets."""

from pathlib import Path

import pytest

from tests.storage.invariants import broken
from tests.storage.soak import POLICY, Soak
from weft.storage import LmdbStore
from weft.storage.check import check
from weft.storage.retention import Retention

OPERATIONS = 50_000


def growth(directory: Path, policy: Retention | None, operations: int) -> float:
    """Return how much a store's file grows in the second half of its work."""
    store = LmdbStore(directory, sync=False)
    try:
        soak = Soak(store, policy)
        half = soak.run(operations // 2)
        whole = soak.run(operations // 2)
        with store.read() as snapshot:
            assert check(snapshot).clean
            if operations <= OPERATIONS:
                assert [] == broken(snapshot)
        return whole.file_bytes / half.file_bytes
    finally:
        store.close()


def test_a_store_with_retention_keeps_its_size(tmp_store: Path) -> None:
    assert growth(tmp_store, POLICY, OPERATIONS) < 1.1


def test_without_retention_the_file_grows_and_the_proof_would_fail(
    tmp_store: Path,
) -> None:
    assert growth(tmp_store, None, OPERATIONS * 3 // 5) > 1.3


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_ten_million_operations_leave_the_file_as_half_of_them(
    tmp_store: Path,
) -> None:
    assert growth(tmp_store, POLICY, 10_000_000) < 1.1
