"""A runtime is backed up while it works."""

from pathlib import Path

import pytest

from weft.actors import Runtime
from weft.storage import InvalidArgument, MemoryStore, restore


def test_a_runtime_is_backed_up_and_the_backup_opens(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        thread = runtime.session("alice").create_thread("notes").get(timeout=10)
        manifest = runtime.backup(tmp_path / "backup")
        runtime.session("alice").create_thread("later").get(timeout=10)
        assert 1 == manifest.seq
    restore(tmp_path / "backup", tmp_path / "again")
    with Runtime.open(tmp_path / "again") as again:
        found = again.coordinator.get_thread(thread.thread_id).get(timeout=10)
        assert ("alice", "notes") == (found.session_id, found.thread_name)
        assert 1 == again.statistics().store.seq


def test_a_store_in_memory_cannot_be_backed_up(tmp_path: Path) -> None:
    with (
        Runtime.open(store=MemoryStore()) as runtime,
        pytest.raises(InvalidArgument, match="on disk"),
    ):
        runtime.backup(tmp_path / "backup")
