"""The description is valid, whole, and true of what is answered."""

from collections.abc import Iterator

import pytest

from weft.actors import Runtime
from weft.daemon.http.openapi import describe
from weft.daemon.http.tables import TABLES
from weft.storage import MemoryStore

validator = pytest.importorskip("openapi_spec_validator")
pytest.importorskip("schemathesis")

REQUESTS = 10_000

DESCRIBED = [endpoint for table in TABLES if table.described for endpoint in table]


@pytest.fixture
def empty() -> Iterator[Runtime]:
    with Runtime.open(store=MemoryStore()) as opened:
        yield opened


def test_the_description_is_openapi() -> None:
    described = describe(DESCRIBED, "1.0")
    errors = validator.OpenAPIV31SpecValidator(described).iter_errors()
    assert [] == [error.message for error in errors]


def test_every_endpoint_is_in_it_and_says_what_it_does() -> None:
    paths = describe(DESCRIBED, "1.0")["paths"]
    assert {(endpoint.path, endpoint.method.lower()) for endpoint in DESCRIBED} == {
        (path, method) for path, methods in paths.items() for method in methods
    }
    for methods in paths.values():
        for operation in methods.values():
            assert operation["summary"].endswith(".")
            assert "default" in operation["responses"]


def test_names_and_places_are_unique() -> None:
    names = [endpoint.name for endpoint in DESCRIBED]
    assert len(set(names)) == len(names)
    places = [(each.method, each.path) for table in TABLES for each in table]
    assert len(set(places)) == len(places)


@pytest.mark.timeout(180)  # it asks every endpoint, and there are many
def test_requests_made_from_it_are_answered_as_it_says(empty: Runtime) -> None:
    from tests.daemon.http.fuzzing import fuzz

    statuses = fuzz(empty, examples=1)
    assert {200, 404, 422} <= set(statuses)
    assert empty.check().clean


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_no_request_of_ten_thousand_is_answered_with_a_defect(empty: Runtime) -> None:
    from tests.daemon.http.fuzzing import fuzz

    statuses = fuzz(empty, examples=REQUESTS // len(DESCRIBED))
    assert sum(statuses.values()) >= REQUESTS
    assert 500 not in statuses
    assert empty.check().clean
