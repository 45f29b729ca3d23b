"""Pykka's own test suite, run against :class:`weft.actors.Actor`.

``python tests/pykka_suite/run.py`` fetches the source distribution of the Pykka that
is installed, unpacks it in a temporary directory, adds our actor to its test suite as
one more runtime and runs what that suite runs for each runtime. Nothing of Pykka is
kept. It needs pip, pytest and pytest-mock, and weft from this checkout.

Exits with 0 if every test passed but the one below, and with 1 otherwise, also if
fewer tests ran than Pykka 4.5.0 has: a suite that collects nothing proves nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest

CHECKOUT: Final = Path(__file__).parents[2]

TESTS_MIN: Final = 136
"""Pykka 4.5.0 has 137 tests for each runtime; one is left out."""

LEFT_OUT: Final = {
    "test_base_exception_is_logged": (
        'It wants "Stopping all actors." in the log. Here a SystemExit or the like '
        "stops the actor it was raised in, and no other."
    )
}
"""Tests that ask for what we do otherwise on purpose, and why."""

TEST_TIMEOUT_S: Final = 30

RUNTIME: Final = """

import weft.actors

RUNTIMES["weft"] = pytest.param(
    Runtime(
        name="weft",
        actor_class=weft.actors.Actor,
        event_class=threading.Event,
        future_class=weft.actors.Future,
        sleep_func=time.sleep,
    ),
    id="weft",
)


@pytest.fixture(scope="session", params=RUNTIMES.values())
def runtime(request):
    return request.param
"""
"""Appended to the suite's conftest; its own fixture has read the runtimes already."""


class Gate:
    """A pytest plugin: runs what is parametrised with our runtime, and counts it."""

    def __init__(self) -> None:
        self.passed = 0
        self.left_out: list[str] = []

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        ours = [item for item in items if _is_ours(item)]
        names = {item: item.name.partition("[")[0] for item in ours}
        chosen = [item for item in ours if names[item] not in LEFT_OUT]
        self.left_out = sorted({*names.values()} & {*LEFT_OUT})
        config.hook.pytest_deselected(
            items=[item for item in items if item not in chosen]
        )
        items[:] = chosen

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.passed += report.when == "call" and report.passed

    def faults(self) -> list[str]:
        """Return what is wrong although no test failed."""
        faults = [
            f"{name} is left out, but the suite has no such test"
            for name in sorted({*LEFT_OUT} - {*self.left_out})
        ]
        if self.passed < TESTS_MIN:
            faults.append(f"{self.passed} tests passed; expected {TESTS_MIN} or more")
        return faults


def _is_ours(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "[weft" in item.name


def fetch(directory: Path) -> Path:
    """Download and unpack the sources of the installed Pykka.

    Returns:
        The folder they are in.

    Raises:
        subprocess.CalledProcessError: pip found no source distribution.
    """
    wanted = f"pykka=={version('pykka')}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet"]
    pip += ["--disable-pip-version-check", "--no-deps", "--no-binary", ":all:"]
    subprocess.run([*pip, "--dest", directory, wanted], check=True)
    (archive,) = directory.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(directory, filter="data")
    return directory / archive.name.removesuffix(".tar.gz")


def run(suite: Path) -> list[str]:
    """Run the suite for our runtime; returns the faults, none if all is well."""
    with (suite / "tests" / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(RUNTIME)
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    roots = settings["tool"]["hatch"]["build"]["dev-mode-dirs"]
    sys.path[:0] = [str(suite), *(str(CHECKOUT / root) for root in roots)]
    os.chdir(suite)
    gate = Gate()
    options = ["-q", "-p", "no:cacheprovider", f"--timeout={TEST_TIMEOUT_S}"]
    code = pytest.main([*options, "--rootdir", str(suite), "tests"], plugins=[gate])
    return [*([f"pytest exited with {code}"] if code else []), *gate.faults()]


def main() -> int:
    """Fetch, run, report; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="weft-pykka-") as directory:
        try:
            faults = run(fetch(Path(directory)))
        finally:
            os.chdir(CHECKOUT)
    for name, reason in LEFT_OUT.items():
        print(f"left out: {name}: {reason}")  # noqa: T201  # a script
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)  # noqa: T201
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
