"""What every test may ask for, and the rule that the full run skips nothing.

Guarantees: with ``WEFT_CI=1`` in the environment a skipped test, or a skipped file,
is a failure that shows its reason. Without it a skip stays a skip. What needs an extra
that the ``test`` extra leaves out (a browser, Ray) stays a skip with it, too, unless
``WEFT_REQUIRE_ALL=1`` says that all is there.
"""

import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

NEEDS_EXTRA = "needs the extra ["
"""How a skip for want of an extra gives its reason: ``needs the extra [cluster]``."""

REPOSITORY = Path(__file__).resolve().parents[1]

MORE_WORKERS_THAN_CORES = 1
"""Tests wait, too: for a disk, a process, a clock. A worker takes 12 s of processor
time to collect them in a fresh checkout, so there are not many more."""


@pytest.fixture(scope="session", autouse=True)
def nobodys_daemon(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Keep the daemon of whoever runs the tests out of their sight, and out of reach.

    What the tests start meets below a directory of their own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        patch.delenv("RUNTIME_DIRECTORY", raising=False)
        yield


@pytest.fixture
def heeding_ctrl_c() -> Generator[None]:
    """Heed Ctrl-C, here and in children, though the tests may run behind an ``&``."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that all workers of this run of the tests share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def children_compile_once(shared_directory: Path) -> Generator[None]:
    """Have what children compile kept for the next one, away from the checkout.

    Where ``PYTHONDONTWRITEBYTECODE`` is set, each of hundreds would compile the library
    anew: 0.3 of the 0.7 s of processor time that a daemon takes to start and stop.
    """
    with pytest.MonkeyPatch.context() as patch:
        if sys.dont_write_bytecode:
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", str(shared_directory / "bytecode"))
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def irc() -> Path:
    """Return the folder of the real chat logs, with `dev/` and `train/` in it."""
    default = REPOSITORY.parent / "shared" / "data" / "irc"
    folder = Path(os.environ.get("WEFT_IRC") or default)
    if not (folder / "dev").is_dir():
        pytest.skip(f"no chat logs in {folder}/dev; set WEFT_IRC to their folder")
    return folder.resolve()


@pytest.fixture
def tmp_store(tmp_path: Path) -> Path:
    """Return a fresh, empty directory for a store."""
    directory = tmp_path / "weft-data"
    directory.mkdir()
    return directory


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Return how many workers ``-n auto`` starts: more than there are cores."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return len(os.sched_getaffinity(0)) + MORE_WORKERS_THAN_CORES


# tryfirst makes these the outermost wrappers: pytest's own skipping plugin has
# rewritten the report before it is judged here.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001 (the hook's signature)
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failure in the full run."""
    report = yield
    # An expected failure is reported as skipped, too, and is no skip.
    if not hasattr(report, "wasxfail"):
        fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[
    None, pytest.CollectReport, pytest.CollectReport
]:
    """Turn a skipped file into a failure in the full run."""
    report = yield
    fail_if_skipped(report)
    return report


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a skip a failure that shows its reason, when all is to be there."""
    all_is_there = os.environ.get("WEFT_REQUIRE_ALL") == "1"
    if not report.skipped or not (all_is_there or os.environ.get("WEFT_CI") == "1"):
        return
    # longrepr of a skip is (path, line, "Skipped: the reason")
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "Skipped"
    needs_extra = reason.removeprefix("Skipped: ").startswith(NEEDS_EXTRA)
    if needs_extra and not all_is_there:
        return
    report.outcome = "failed"
    report.longrepr = f"WEFT_CI=1 lets no test be skipped. {reason}"
