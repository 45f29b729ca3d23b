"""``docs/daemon.md``: its configuration and its tokens are good."""

import tomllib
from pathlib import Path

import msgspec

from tests.house.readme import fenced_blocks
from weft.daemon.config import Config
from weft.daemon.http import Tokens

PAGE = Path(__file__).parents[2] / "docs" / "daemon.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_configuration_is_one() -> None:
    first, traced, metered = (
        msgspec.convert(tomllib.loads(block.text), Config)
        for block in fenced_blocks(TEXT, "toml")
    )
    assert ("json", 10.0) == (first.daemon.log_format, first.daemon.stop_timeout_s)
    assert "my_tracers:provider" == traced.daemon.tracing
    assert "my_metrics:reader" == metered.daemon.metrics_reader


def test_the_tokens_are_read(tmp_path: Path) -> None:
    (block,) = fenced_blocks(TEXT, "text")
    path = tmp_path / "tokens"
    path.touch(mode=0o600)
    path.write_text(block.text)
    found = Tokens(path).find("1a2b3c4d5e6f70819203")
    assert found is not None
    assert ("alice", "alice") == (found.name, found.owner)


def test_the_line_of_the_log_is_json() -> None:
    (block,) = fenced_blocks(TEXT, "json")
    assert "weft.requests" == msgspec.json.decode(block.text)["logger"]
