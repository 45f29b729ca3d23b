"""The full run skips nothing: each way to skip is a failure in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
EXPECTED_FAILURE = '@pytest.mark.xfail(reason="the reason")\ndef test_it(): assert 0'


def outcome(
    body: str, folder: Path, repository: Path, *, ci: str, require_all: str = "0"
) -> tuple[int, str]:
    """Run one test file under our conftest; return pytest's exit code and output."""
    (folder / "test_one.py").write_text(f"import pytest\n{body}\n", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    environment = os.environ | {
        "PYTHONPATH": str(repository),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # two seconds of imports
        "WEFT_CI": ci,
        "WEFT_REQUIRE_ALL": require_all,
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
