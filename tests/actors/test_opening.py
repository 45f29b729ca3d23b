"""Where a store is: a directory, or an address."""

import sys
from pathlib import Path

import pytest

from weft.actors import Runtime
from weft.actors.opening import open_store
from weft.storage import InvalidArgument, LmdbStore


def test_a_path_is_a_directory(tmp_path: Path) -> None:
    for place in (tmp_path / "a", str(tmp_path / "b")):
        store = open_store(place)
        assert isinstance(store, LmdbStore)
        store.close()


def test_an_address_that_nobody_opens_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="mysql://"):
        Runtime.open("mysql://host/database")


def test_a_missing_driver_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("weft.cluster")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Exception, match=r"pip install 'weft\[cluster\]'"):
        Runtime.open("postgresql://host/database")
