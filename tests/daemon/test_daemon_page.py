"""``docs/daemon.md``: its Python runs, its configuration and its tokens are good."""

import tomllib
from pathlib import Path

import msgspec
import pytest

from tests.actors.conftest import WORKFLOWS
from tests.house.readme import Block, fenced_blocks
from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.daemon.config import Config
from weft.daemon.http import HttpSettings, Tokens
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer
from weft.storage import MemoryStore

PAGE = Path(__file__).parents[2] / "docs" / "daemon.md"
TEXT = PAGE.read_text(encoding="utf-8")
PYTHON = fenced_blocks(TEXT, "python")


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: f"line {block.line}")
def test_a_block_does_what_it_says(block: Block) -> None:
    code = compile("\n" * (block.line - 1) + block.text, str(PAGE), "exec")
    with Runtime.open(store=MemoryStore(), workflows=WORKFLOWS) as runtime:
        app = create_app(runtime, HttpSettings())
        listener = bind(Address("127.0.0.1", 0))
        with BackgroundServer(app, listener, on_stopping=app.goodbye) as server:
            exec(code, {"url": server.url, "__name__": "page"})  # noqa: S102 - ours


def test_the_configuration_is_one() -> None:
    first, second = (
        msgspec.convert(tomllib.loads(block.text), Config)
        for block in fenced_blocks(TEXT, "toml")
    )
    assert ("json", 10.0) == (first.daemon.log_format, first.daemon.stop_timeout_s)
    assert "my_tracers:provider" == second.daemon.tracing


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
