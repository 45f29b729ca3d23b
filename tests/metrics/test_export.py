"""The shipped files are there, whole, and what Prometheus takes."""

from pathlib import Path

import pytest

from tests.metrics.promtool import promtool
from weft.metrics.export import SHIPPED, export, read_shipped


def test_all_files_are_written_into_a_new_directory(tmp_path: Path) -> None:
    written = export(tmp_path / "new" / "place")
    assert list(SHIPPED) == [path.name for path in written]
    for path in written:
        assert read_shipped(path.name) == path.read_bytes() != b""


def test_nothing_is_written_over_unless_it_is_to_be(tmp_path: Path) -> None:
    mine = tmp_path / SHIPPED[-1]
    mine.write_text("mine")
    with pytest.raises(FileExistsError, match=mine.name):
        export(tmp_path)
    assert ["mine"] == [path.read_text() for path in tmp_path.iterdir()]
    export(tmp_path, replace=True)
    assert read_shipped(mine.name) == mine.read_bytes()


def test_prometheus_takes_the_configuration_as_it_is(tmp_path: Path) -> None:
    export(tmp_path)
    (tmp_path / "weft.token").write_text("secret")
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml", cwd=tmp_path)
