"""The full run skips nothing: each way to skip is a failure in it.

And what all tests share: children compile the library once, and there are more workers
than cores.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import pytest_xdist_auto_num_workers

PLUGINS = [
    *("-p", "tests.conftest"),
    *("-p", "no:hypothesispytest"),
    *("-p", "no:langsmith_plugin"),
]
"""Ours; and none of those that take a second to import."""

SKIPS = {
    "by mark": '@pytest.mark.skip(reason="the reason")\ndef test_it(): ...',
    "by call": 'def test_it():\n    pytest.skip("the reason")',
    "by fixture": (
        '@pytest.fixture\ndef gone():\n    pytest.skip("the reason")\n'
        "def test_it(gone): ..."
    ),
    "whole file": 'pytest.skip("the reason", allow_module_level=True)',
}
DEADLINE_S = 50
CHILD_COMPILES = """
import os, subprocess, sys

def test_it(shared_directory, tmp_path):
    (tmp_path / "module.py").touch()
    subprocess.run([sys.executable, "-c", "import module"], cwd=tmp_path, check=True)
    assert "module.py" in os.listdir(tmp_path)
    assert "__pycache__" not in os.listdir(tmp_path)
    kept = shared_directory.joinpath("bytecode", *tmp_path.parts[1:])
    assert [one.name.partition(".")[0] for one in kept.iterdir()] == ["module"]
"""
EXPECTED_FAILURE = '@pytest.mark.xfail(reason="the reason")\ndef test_it(): assert 0'


def outcome(
    body: str,
    folder: Path,
    repository: Path,
    *,
    ci: str = "0",
    require_all: str = "0",
    **variables: str,
) -> tuple[int, str]:
    """Run one test file under our conftest; return pytest's exit code and output."""
    (folder / "test_one.py").write_text(f"import pytest\n{body}\n", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    environment = os.environ | {
        "PYTHONPATH": str(repository),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # two seconds of imports
        "WEFT_CI": ci,
        "WEFT_REQUIRE_ALL": require_all,
        **variables,
    }
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGINS, "-rs", "test_one.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    return run.returncode, run.stdout + run.stderr


@pytest.mark.parametrize("how", SKIPS)
def test_a_skip_fails_the_full_run_and_shows_its_reason(
    how: str, tmp_path: Path, repository: Path
) -> None:
    code, output = outcome(SKIPS[how], tmp_path, repository, ci="1")
    assert code != 0, output
    assert "WEFT_CI=1 lets no test be skipped. Skipped: the reason" in output


def test_a_skip_stays_a_skip_elsewhere(tmp_path: Path, repository: Path) -> None:
    code, output = outcome(SKIPS["by call"], tmp_path, repository, ci="0")
    assert (code, "1 skipped" in output) == (0, True), output


@pytest.mark.parametrize(("require_all", "skipped"), [("0", True), ("1", False)])
def test_the_full_run_leaves_out_what_needs_an_extra_unless_all_is_required(
    require_all: str, skipped: bool, tmp_path: Path, repository: Path
) -> None:
    body = 'def test_it():\n    pytest.skip("needs the extra [cluster]: no ray")'
    code, output = outcome(body, tmp_path, repository, ci="1", require_all=require_all)
    assert (skipped, skipped) == (code == 0, "1 skipped" in output), output


def test_an_expected_failure_is_no_skip(tmp_path: Path, repository: Path) -> None:
    code, output = outcome(EXPECTED_FAILURE, tmp_path, repository, ci="1")
    assert (code, "1 xfailed" in output) == (0, True), output


def test_children_keep_what_they_compile_away_from_the_checkout(
    tmp_path: Path, repository: Path
) -> None:
    code, output = outcome(
        CHILD_COMPILES, tmp_path, repository, PYTHONDONTWRITEBYTECODE="1"
    )
    assert code == 0, output


def test_there_is_a_worker_more_than_there_are_cores_unless_somebody_says_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)
    assert len(os.sched_getaffinity(0)) + 1 == pytest_xdist_auto_num_workers()
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "7")
    assert pytest_xdist_auto_num_workers() is None
