"""Logs, runtimes and receivers for the tests of the daemon."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.image import Image
from tests.daemon.receiver import Receiver, receiving
from tests.daemon.replaying import EXAMPLES, image_of, run_replay
from weft.actors import Runtime
from weft.daemon.chat import chat
from weft.daemon.plan import plan_logs
from weft.storage import MemoryStore

WriteLog = Callable[..., Path]


@pytest.fixture
def logdir(tmp_path: Path) -> Path:
    """Return an empty directory for logs."""
    directory = tmp_path / "logs"
    directory.mkdir()
    return directory


@pytest.fixture
def write_log(logdir: Path) -> WriteLog:
    """Return a function that writes one log and returns the directory of them all."""

    def write(raw: str, links: str = "", name: str = "garden") -> Path:
        (logdir / f"{name}.raw.txt").write_text(raw, encoding="utf-8")
        (logdir / f"{name}.annotation.txt").write_text(links, encoding="utf-8")
        return logdir

    return write


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """Return a runtime in memory that knows the workflow of replays."""
    with Runtime.open(store=MemoryStore(), workflows=[chat]) as opened:
        yield opened


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Return the image of the example logs, replayed without interruption."""
    directory = tmp_path_factory.mktemp("whole")
    with Runtime.open(directory, workflows=[chat]) as runtime:
        run_replay(runtime, plan_logs(EXAMPLES))
    return image_of(directory)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a receiver of webhooks."""
    with receiving() as opened:
        yield opened
