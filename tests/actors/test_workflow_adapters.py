"""Objects that are no functions become workflows through installed adapters."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from weft.actors import Runtime
from weft.actors.context import Stored
from weft.actors.workflow import Workflow, Workflows
from weft.storage import InvalidArgument, MemoryStore
from weft.storage.operations import encode_value

TIMEOUT_S = 10


class Recipe:
    """Something of another library: no function, yet it can be run."""


def adapt(given: object) -> Workflow | None:
    if not isinstance(given, Recipe):
        return None
    return Workflow("recipe", "1", lambda _context, config: {"made of": config})


@pytest.fixture
def adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution with an adapter, as pip would."""
    module = ModuleType("recipes")
    vars(module)["adapt"] = adapt
    monkeypatch.setitem(sys.modules, "recipes", module)
    folder = tmp_path / "recipes-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: recipes\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[weft.workflows]\nr = recipes:adapt\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("adapters")
def test_an_object_that_an_adapter_knows_runs_as_a_workflow() -> None:
    with Runtime.open(store=MemoryStore(), workflows={"cook": Recipe()}) as runtime:
        session = runtime.session("a")
        thread = session.create_thread("t", workflow="cook").get(timeout=TIMEOUT_S)
        made = thread.run({"flour": 1}).get(timeout=TIMEOUT_S)
    assert {"made of": {"flour": 1}} == made


@pytest.mark.usefixtures("adapters")
def test_an_object_that_no_adapter_knows_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="function of"):
        Workflows({"cook": object()})


def stores(context: object, _config: object) -> Any:
    yield {"n": 0}
    yield Stored(encode_value({"n": 1}))
    yield {"seen": getattr(context, "state", None)}


async def stores_async(context: object, config: object) -> Any:
    for state in stores(context, config):
        yield state


@pytest.mark.parametrize("stores", [stores, stores_async])
def test_a_state_that_is_stored_already_is_shown_and_not_appended(stores: Any) -> None:
    with Runtime.open(store=MemoryStore(), workflows={"w": stores}) as runtime:
        session = runtime.session("a")
        thread = session.create_thread("t", workflow="w").get(timeout=TIMEOUT_S)
        shown = list(thread.stream({}))
        kept = [s.values for s in thread.history().get(timeout=TIMEOUT_S)]
    assert [{"n": 0}, {"n": 1}, {"seen": {"n": 1}}] == shown
    assert [{"seen": {"n": 1}}, {"n": 0}] == kept
