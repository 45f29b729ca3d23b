"""What annotations of a workflow say, and what they do not."""

from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any, TypedDict

import msgspec
import pytest

from weft.daemon.http.function_schemas import schemas_of


class Given(msgspec.Struct):
    """What is given."""

    n: int


class Kept(TypedDict):
    """What is kept."""

    text: str


def plain(_context: Any, config: Given) -> Kept:
    return {"text": str(config.n)}


def yielding(context: Any, config: Given) -> Iterator[Kept]:
    yield plain(context, config)


def returning(context: Any, config: Given) -> Generator[Kept, None, int]:
    yield plain(context, config)
    return config.n


async def later(context: Any, config: Given) -> AsyncIterator[Kept]:
    yield plain(context, config)


def silent(_context: Any, config: dict[str, Any]) -> Iterator[Any]:
    yield config


def untold(_context, _config):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    ...


def nowhere(_context: Any, _config: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821


def strange(_context: Any, config: Iterator[int]) -> list[complex]:
    return [complex(each) for each in config]


@pytest.mark.parametrize("function", [plain, yielding, returning, later])
def test_what_is_annotated_is_described(function: Any) -> None:
    schemas = schemas_of(function)
    assert ["n"] == schemas["input_schema"]["$defs"]["Given"]["required"]
    assert ["text"] == schemas["state_schema"]["$defs"]["Kept"]["required"]
    assert schemas["output_schema"] == schemas["state_schema"]


@pytest.mark.parametrize("function", [silent, untold, nowhere, strange, print, 7])
def test_nothing_is_guessed(function: Any) -> None:
    assert {None} >= set(schemas_of(function).values())
