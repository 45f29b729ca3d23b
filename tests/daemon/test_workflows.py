"""``--app`` finds what an application brings along, or says what is wrong."""

import os
import sys
from pathlib import Path

import pytest

from weft.actors import Workflow
from weft.daemon.workflows import AppError, load_workflows

SOURCE = """
from weft.actors import workflow

@workflow
def greet(context, config):
    return "hello"

flows = [greet]
by_name = {"greet": lambda context, config: "hello"}
nothing = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current directory, with an application in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    (tmp_path / "greeting_app.py").write_text(SOURCE)
    return tmp_path


def test_without_an_application_there_are_no_workflows() -> None:
    assert load_workflows(None) == ()


@pytest.mark.usefixtures("here")
def test_a_list_or_a_dict_of_the_current_directory_is_found() -> None:
    (flow,) = load_workflows("greeting_app:flows")
    assert isinstance(flow, Workflow)
    assert flow.name == "greet"
    assert ["greet"] == list(load_workflows("greeting_app:by_name"))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        ("greeting_app", "is not MODULE:ATTR"),
        (":flows", "is not MODULE:ATTR"),
        ("greeting_app:", "is not MODULE:ATTR"),
        ("absent_app:flows", "There is no module 'absent_app'"),
        ("absent.app:flows", "There is no module 'absent'"),
        ("greeting_app:absent", "It must be a list of workflows"),
        ("greeting_app:nothing", "is 3. It must be a list of workflows"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(app: str, sentence: str) -> None:
    with pytest.raises(AppError, match=sentence) as caught:
        load_workflows(app)
    assert caught.value.exit_code == os.EX_CONFIG


def test_a_module_that_the_application_misses_is_its_own_affair(here: Path) -> None:
    (here / "needy_app.py").write_text("import absent_library\n")
    with pytest.raises(ModuleNotFoundError, match="absent_library"):
        load_workflows("needy_app:flows")
