"""Where a store is: a directory, or an address."""

import sys
from pathlib import Path
from typing import Any

import pytest

from weft.actors import Runtime
from weft.actors.opening import open_store
from weft.storage import InvalidArgument, LmdbStore


def test_a_path_is_a_directory(tmp_path: Path) -> None:
    for place in (tmp_path / "a", str(tmp_path / "b")):
        store = open_store(place)
        assert isinstance(store, LmdbStore)
        store.close()


def test_an_empty_path_is_not_the_present_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgument, match="path is empty"):
        Runtime.open("")
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("part", ["passivation", "retention", "executor"])
def test_a_part_that_is_none_is_refused_before_the_store_is_opened(
    tmp_path: Path, part: str
) -> None:
    options: dict[str, Any] = {part: "none"}
    with pytest.raises(InvalidArgument, match="'none' is no "):
        Runtime.open(tmp_path / "never", **options)
    assert not (tmp_path / "never").exists()


def test_a_store_that_is_none_is_refused() -> None:
    none: Any = 3
    with pytest.raises(InvalidArgument, match="3 is no Store"):
        Runtime.open(store=none)


def test_an_address_that_nobody_opens_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="mysql://"):
        Runtime.open("mysql://host/database")


def test_a_missing_driver_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("weft.cluster")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Exception, match=r"pip install 'weft\[cluster\]'"):
        Runtime.open("postgresql://host/database")
