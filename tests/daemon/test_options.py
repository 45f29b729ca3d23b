"""The options of ``weft serve`` are keys of the configuration."""

from pathlib import Path
from typing import Any

import click
import pytest

from weft.daemon.config import Config, ConfigError
from weft.daemon.options import load_config, serve_options


def meant_by(*arguments: str) -> Config:
    """Return the configuration that a command line means."""

    @click.command()
    @serve_options
    def command(file: Path | None, **flags: Any) -> Config:
        return load_config(file, flags)

    config = command.main(["--data", "d", *arguments], standalone_mode=False)
    assert isinstance(config, Config)
    return config


def test_when_the_store_is_checked_and_what_is_repaired() -> None:
    timing = ("--check-interval", "60", "--check-cpu-share", "0.2")
    kinds = ("--check-repair", "name_mismatch", "--check-repair", "missing_index_entry")
    checks = meant_by(*timing, *kinds).daemon.checks
    assert (60.0, 0.2) == (checks.interval_s, checks.cpu_share)
    assert ("name_mismatch", "missing_index_entry") == checks.repair
    assert 0.0 == meant_by("--check-interval", "0").daemon.checks.interval_s


def test_what_is_not_said_is_left_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "weft.toml"
    file.write_text('[daemon]\ncheck_repair = ["name_mismatch"]\n[http]\nsocket = "s"')
    config = meant_by("--config", str(file))
    assert ("name_mismatch",) == config.daemon.check_repair
    assert "s" == config.http.socket
    assert "" == meant_by("--config", str(file), "--no-socket").http.socket


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"command line.*'name_clash'"):
        meant_by("--check-repair", "name_clash")


def test_a_socket_and_none_exclude_each_other() -> None:
    with pytest.raises(click.UsageError, match="not both"):
        meant_by("--socket", "s", "--no-socket")
