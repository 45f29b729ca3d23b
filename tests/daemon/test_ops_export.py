"""``weft ops export`` writes what Prometheus and Grafana need."""

import os
from pathlib import Path

from click.testing import CliRunner

from weft.daemon.main import cli
from weft.metrics.export import SHIPPED


def export(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["ops", "export", *map(str, arguments)])
    return done.exit_code, done.output


def test_the_files_are_written_and_named(tmp_path: Path) -> None:
    code, said = export(tmp_path / "watch")
    assert 0 == code
    assert [str(tmp_path / "watch" / name) for name in SHIPPED] == said.split()
    assert set(SHIPPED) == {path.name for path in (tmp_path / "watch").iterdir()}


def test_a_file_that_is_there_is_kept_unless_it_is_to_be_replaced(
    tmp_path: Path,
) -> None:
    mine = tmp_path / SHIPPED[0]
    mine.write_text("mine")
    code, said = export(tmp_path)
    assert os.EX_CANTCREAT == code
    assert "--replace" in said
    assert "mine" == mine.read_text()
    assert 0 == export(tmp_path, "--replace")[0]
    assert "mine" != mine.read_text()
