"""Every example of the original runs as it stands, and does what it says."""

import ast
import asyncio
import inspect
import json
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from types import FunctionType
from typing import Any, Final

import pytest

from tests.actors.conftest import Open
from tests.actors.support import LONG_S, answer
from weft.actors import Runtime, compat
from weft.storage import LmdbStore
from weft.storage.keys import association_key, place

HERE: Final = Path(__file__).parent
BLOCKS: Final = dict(
    re.findall(
        r"^## ([^\n]+)\n\n```python\n(.*?)^```",
        (HERE / "original_blocks.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)
PLAN: Final = [
    {"name": "data_processing", "config": {"type": "processing"}},
    {"name": "analysis", "config": {"to": 2}, "workflow": "count"},
]

Scene = dict[str, Any]


@pytest.fixture
def container(open_runtime: Open) -> Runtime:
    """Return a runtime with an open session s, which owns nothing."""
    runtime = open_runtime()
    answer(runtime.coordinator.create_session("s"))
    return runtime


@pytest.fixture
def scene(container: Runtime) -> Scene:
    """Return the names that the examples take for granted."""
    names: Scene = {name: getattr(compat, name) for name in compat.__all__}
    return names | {
        "List": list,
        "asyncio": asyncio,
        "datetime": datetime,
        "container": container,
        "coordinator": container.get(compat.SessionThreadCoordinator),
        "logger": logging.getLogger("original"),
        "session_id": "s",
    }


async def run(title: str, scene: Scene) -> None:
    """Run an example; what it defines is added to the scene."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(BLOCKS[title], title, "exec", flags=flags)
    made = FunctionType(code, scene)()
    if inspect.isawaitable(made):
        await made


def play(act: Callable[[], Awaitable[Any]]) -> Any:
    """Run a coroutine in a loop of its own, with a deadline."""

    async def limited() -> Any:
        async with asyncio.timeout(LONG_S):
            return await act()

    return asyncio.run(limited())


def coordinate(container: Runtime) -> dict[str, str]:
    return answer(container.coordinator.coordinate_threads("s", PLAN))


def spoil(container: Runtime, thread_id: str) -> None:
    """Lose a row below the store, as a damaged disk does."""
    store: Any = container.store
    with store._engine.write() as trees:
        trees.delete(*place(association_key(thread_id, "s")))
    store._recent.clear()  # as after a restart


def test_an_example_creates_threads(container: Runtime, scene: Scene) -> None:
    play(lambda: run("create threads", scene))
    assert {"data_processing", "analysis"} == set(scene["thread_ids"])
    thread = answer(container.coordinator.get_thread(scene["thread_ids"]["analysis"]))
    assert {"type": "analysis", "depth": "deep"} == thread.config


def test_an_example_executes_and_streams(
    container: Runtime, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    coordinate(container)
    play(lambda: run("execute and stream", scene))
    assert {"runs": 1} == scene["result"]
    assert ["1", "2"] == re.findall(r"(\d)$", capsys.readouterr().out, re.MULTILINE)


def test_an_example_validates(
    container: Runtime, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(container, coordinate(container)["analysis"])
    play(lambda: run("validate", scene))
    assert "  - missing_association: " in capsys.readouterr().out


def test_an_example_repairs(
    container: Runtime, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(container, coordinate(container)["analysis"])
    play(lambda: run("repair", scene))
    assert " 1 " in capsys.readouterr().out
    assert [] == answer(container.coordinator.validate_session_consistency("s"))


@pytest.mark.parametrize("name_is_taken", [False, True])
def test_an_example_creates_a_thread_in_a_transaction(
    container: Runtime,
    scene: Scene,
    capsys: pytest.CaptureFixture[str],
    *,
    name_is_taken: bool,
) -> None:
    if name_is_taken:
        answer(container.coordinator.coordinate_threads("s", [{"name": "worker_1"}]))
    play(lambda: run("transaction", scene))
    assert name_is_taken == ("worker_1" in capsys.readouterr().out)
    threads = answer(container.coordinator.list_threads("s"))
    assert ["worker_1"] == [thread.thread_name for thread in threads]


@pytest.mark.parametrize("workflow", [None, "default", "fail"])
def test_an_example_catches_what_goes_wrong(
    container: Runtime,
    scene: Scene,
    caplog: pytest.LogCaptureFixture,
    workflow: str | None,
) -> None:
    if workflow is not None:
        plan = [{"name": "worker", "workflow": workflow}]
        answer(container.coordinator.coordinate_threads("s", plan))
    play(lambda: run("errors", scene))
    told = [one.getMessage() for one in caplog.records if one.name == "original"]
    assert (workflow != "default") == (len(told) == 1)
    assert all(words.endswith(": worker") for words in told)


def test_an_example_registers_parts(container: Runtime, scene: Scene) -> None:
    play(lambda: run("register parts", scene))
    coordinator = container.get(compat.SessionThreadCoordinator)
    assert coordinator is not scene["coordinator"]
    assert coordinator is container.get(compat.SessionThreadCoordinator)
    scene["coordinator"] = coordinator
    play(lambda: run("create threads", scene))
    assert 2 == len(answer(container.coordinator.list_threads("s")))


def test_an_example_registers_the_service(container: Runtime, scene: Scene) -> None:
    play(lambda: run("register the service", scene))
    service = container.get(compat.ISessionService)
    assert type(service) is compat.SessionService
    assert service is container.get(compat.SessionService)
    assert 2 == len(play(lambda: service.coordinate_threads("s", PLAN)))


def test_an_example_caches_the_repository(container: Runtime, scene: Scene) -> None:
    scene["time"] = __import__("time")
    play(lambda: run("cached repository", scene))
    base = container.get(compat.ISessionThreadAssociationRepository)
    cached = scene["CachedSessionThreadAssociationRepository"](base)
    coordinate(container)
    rows = play(lambda: cached.list_by_session("s"))
    assert ["analysis", "data_processing"] == sorted(row.thread_name for row in rows)
    assert rows is play(lambda: cached.list_by_session("s"))


def test_an_example_syncs_many_sessions(container: Runtime, scene: Scene) -> None:
    thread_ids = coordinate(container)
    play(lambda: run("batch sync", scene))
    report, nothing = play(lambda: scene["batch_sync_sessions"](["s", "none"]))
    assert sorted(thread_ids.values()) == sorted(report["actual_threads"])
    assert isinstance(nothing, compat.SessionThreadException)


def test_an_example_logs_operations(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "original")
    scene |= {"thread_name": "n", "config": {}, "e": ValueError("why")}
    play(lambda: run("operation log", scene))
    levels = [one.levelname for one in caplog.records if one.name == "original"]
    assert ["INFO", "DEBUG", "WARNING", "ERROR"] == levels


def test_an_example_measures_an_operation(scene: Scene) -> None:
    play(lambda: run("performance log", scene))
    monitored = scene["monitored_coordinate_threads"]
    assert 2 == len(play(lambda: monitored("s", PLAN)))
    with pytest.raises(compat.ThreadCreationError):
        play(lambda: monitored("s", PLAN))


def test_an_example_checks_the_health(container: Runtime, scene: Scene) -> None:
    thread_ids = coordinate(container)
    scene["session_service"] = container.get(compat.ISessionService)
    play(lambda: run("health check", scene))
    assert "healthy" == play(scene["health_check"])["status"]
    spoil(container, thread_ids["analysis"])
    report = play(scene["health_check"])
    assert ("unhealthy", 1) == (report["status"], len(report["issues"]))
    assert report["issues"][0].startswith("Session s: missing_association")
    assert json.loads(json.dumps(report)) == report


def test_an_example_migrates_data(
    tmp_store: Path, open_runtime: Open, scene: Scene
) -> None:
    container = open_runtime(store=LmdbStore(tmp_store))
    answer(container.coordinator.create_session("s"))
    thread_ids = coordinate(container)
    spoil(container, thread_ids["analysis"])
    repository = container.get(compat.ISessionThreadAssociationRepository)
    scene |= {
        "session_repository": container.get(compat.ISessionRepository),
        "thread_repository": container.get(compat.IThreadRepository),
        "association_repository": repository,
    }
    play(lambda: run("migrate data", scene))
    for _ in range(2):  # the second time there is nothing to do
        play(scene["migrate_existing_data"])
    rows = {
        row.thread_name: row for row in play(lambda: repository.list_by_session("s"))
    }
    assert rows["analysis"].metadata["migrated"] is True
    assert {} == rows["data_processing"].metadata
    assert [1, 1] == [row.version for row in rows.values()]
    assert [] == answer(container.coordinator.validate_session_consistency("s"))


@pytest.mark.parametrize("is_old", [True, False])
def test_an_example_migrates_code(
    container: Runtime, scene: Scene, *, is_old: bool
) -> None:
    service = compat.SessionService(container) if is_old else None
    scene["session_service"] = service or container.get(compat.ISessionService)
    scene["configs"] = PLAN[:1]
    warned = pytest.warns(DeprecationWarning, match="legacy")
    with (
        warned if is_old else nullcontext(),
        pytest.raises(compat.ThreadCreationError),
    ):
        play(lambda: run("migrate code", scene))  # the name is taken at once
    assert ["data_processing"] == [
        thread.thread_name for thread in answer(container.coordinator.list_threads("s"))
    ]


def test_every_example_is_run() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert 15 == len(BLOCKS)
    assert set(BLOCKS) == set(re.findall(r'run\("([^"]+)", scene\)', source))
