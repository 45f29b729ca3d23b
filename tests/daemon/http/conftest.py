"""Applications for the tests of the HTTP face."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import client_of, token_file
from tests.daemon.http.run_support import Client, serving
from weft.actors import Runtime


@pytest.fixture
def client(runtime: Runtime) -> Iterator[TestClient]:
    """Return a client of an application that anybody may ask."""
    with client_of(runtime) as opened:
        yield opened


@pytest.fixture
def guarded(runtime: Runtime, tmp_path: Path) -> Iterator[TestClient]:
    """Return a client of an application that wants tokens."""
    with client_of(runtime, token_file(tmp_path)) as opened:
        yield opened


@pytest.fixture(scope="module")
def served() -> Iterator[Client]:
    """Return a client of an application with workflows, for all tests of a module."""
    with serving() as opened:
        yield opened
