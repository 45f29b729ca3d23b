"""Which seeds a run of the simulation takes, and what it says when one fails."""

import gc
from collections.abc import Iterator

import pytest

SEEDS = 5000
LONG_SEEDS = 200_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--weft-seed", type=int, help="simulate the case of this seed, and no other"
    )
    parser.addoption(
        "--weft-seeds", type=int, default=LONG_SEEDS, help="seeds of the long run"
    )


@pytest.fixture(scope="module", autouse=True)
def nothing_old_is_collected() -> Iterator[None]:
    """Leave what other tests have imported and made to itself.

    A case is small and cyclic; collecting the whole test session for it, again and
    again, took a quarter of the time.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def no_leftovers() -> None:
    """Free what earlier tests left: a failed future tells of itself when it goes."""
    gc.collect()


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> range:
    """Return the seeds of the default run, or the one that was asked for."""
    return _one_or(request, range(SEEDS))


@pytest.fixture
def long_seeds(request: pytest.FixtureRequest) -> range:
    """Return the seeds of the long run, which are others."""
    count: int = request.config.getoption("--weft-seeds", LONG_SEEDS)
    return _one_or(request, range(SEEDS, SEEDS + count))


def _one_or(request: pytest.FixtureRequest, seeds: range) -> range:
    seed: int | None = request.config.getoption("--weft-seed", None)
    return seeds if seed is None else range(seed, seed + 1)
