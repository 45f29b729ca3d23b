"""Requests made from the description itself, valid and not, sent to the application."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi.checks import negative_data_rejection

from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.daemon.http import HttpSettings

CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    negative_data_rejection,
]
"""All that need no account; that what fits its schema is taken is not promised: two
parameters may not go together."""

SETTINGS = HttpSettings(trusted_hosts=("*",), body_size_bytes_max=1 << 26)
"""Bodies that are too long by the description are longer than a MiB."""

ENDLESS = {
    "/events",
    "/threads/{thread_id}/stream",
    "/threads/{thread_id}/stream/events",
}
"""Streams that do not end by themselves."""


def fuzz(runtime: Runtime, examples: int) -> Counter[int]:
    """Send requests to every endpoint; return how often each status was answered.

    Args:
        runtime: behind the application.
        examples: for each endpoint, as many good requests and as many bad ones.

    Raises:
        AssertionError: an answer is not as the description says, or is a 500.
    """
    statuses: Counter[int] = Counter()
    for operation in _operations(runtime):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            # There is nothing wrong to be sent where nothing is to be sent.
            with contextlib.suppress(Unsatisfiable):
                _ask_often(operation, mode, examples, statuses)
    return statuses


def _operations(runtime: Runtime) -> Iterator[Any]:
    app = create_app(runtime, SETTINGS)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        if operation.path not in ENDLESS:
            yield operation


def _ask_often(
    operation: Any,
    mode: GenerationMode,
    examples: int,
    statuses: Counter[int],
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call()
        statuses[response.status_code] += 1
        assert response.status_code != 500, case.as_curl_command()
        case.validate_response(response, checks=CHECKS)

    ask()
