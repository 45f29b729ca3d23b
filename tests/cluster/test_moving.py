"""Up to a database and down again: nothing is lost, and both ends are checked."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.storage.client import Client, dump
from tests.storage.samples import build_world
from weft.cluster import DriverMissing, open_alone, open_store
from weft.daemon.commands.care import check
from weft.daemon.commands.carrying import export, import_
from weft.daemon.main import cli
from weft.storage import LmdbStore, StoreLocked
from weft.storage.store import TreeStore


@contextmanager
def opened(store: TreeStore) -> Generator[TreeStore]:
    yield store
    store.close()


def image(store: TreeStore) -> dict[str, object]:
    """Return what a store holds, but for its notes of how far an import has come."""
    found = dump(store)
    return {tree: items for tree, items in found.items() if tree != "M"}


def weft(command: click.Command, *arguments: object, code: int = 0) -> str:
    # Not by itself: it would remember for good that it has no -h.
    words = [str(command.name), *map(str, arguments)]
    result = CliRunner().invoke(cli, words, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert code == (result.return_value or 0), result.output
    return result.output


def test_a_directory_goes_up_to_a_database_and_down_again(
    tmp_path: Path, address: str
) -> None:
    with opened(LmdbStore(tmp_path / "here")) as store:
        build_world(Client(store))
        before = image(store)
    weft(check, "--data", tmp_path / "here")
    weft(export, "--data", tmp_path / "here", "--out", tmp_path / "up.jsonl", "--quiet")
    weft(import_, tmp_path / "up.jsonl", "--data", address, "--quiet")
    assert "clean" in weft(check, "--data", address)
    with opened(open_store(address)) as store:
        assert before == image(store)
    weft(export, "--data", address, "--out", tmp_path / "down.jsonl", "--quiet")
    weft(import_, tmp_path / "down.jsonl", "--data", tmp_path / "there", "--quiet")
    assert "clean" in weft(check, "--data", tmp_path / "there")
    with opened(LmdbStore(tmp_path / "there")) as store:
        assert before == image(store)


def test_a_second_import_applies_nothing(tmp_path: Path, address: str) -> None:
    with opened(LmdbStore(tmp_path / "here")) as store:
        build_world(Client(store))
    weft(export, "--data", tmp_path / "here", "--out", tmp_path / "up.jsonl", "--quiet")
    weft(import_, tmp_path / "up.jsonl", "--data", address, "--quiet")
    with opened(open_store(address)) as store:
        before = image(store)
    weft(import_, tmp_path / "up.jsonl", "--data", address, "--quiet", "--dry-run")
    weft(import_, tmp_path / "up.jsonl", "--data", address, "--quiet")
    with opened(open_store(address)) as store:
        assert before == image(store)


def test_nothing_is_imported_beside_somebody_who_writes(
    tmp_path: Path, address: str
) -> None:
    with opened(LmdbStore(tmp_path / "here")) as store:
        build_world(Client(store))
    weft(export, "--data", tmp_path / "here", "--out", tmp_path / "up.jsonl", "--quiet")
    with opened(open_store(address)), pytest.raises(StoreLocked):
        weft(import_, tmp_path / "up.jsonl", "--data", address, "--quiet")
    open_alone(address).close()


def test_a_missing_driver_names_the_remedy() -> None:
    assert "pip install 'weft[cluster]'" in str(DriverMissing())
