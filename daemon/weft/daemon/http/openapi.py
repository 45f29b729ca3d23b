"""The description of all endpoints as OpenAPI 3.1 has it, made of their own types."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, get_args

import msgspec

from weft.daemon.http.decoding import Id
from weft.daemon.http.endpoint import Endpoint
from weft.daemon.http.problems import MEDIA_TYPE, Problem
from weft.storage.ids import ID_SIZE_BYTES_MAX

__all__ = ["describe"]

REFERENCES: Final = "#/components/schemas/{name}"
_PART: Final = re.compile(r"{(\w+)}")

Schemas = Mapping[Any, Mapping[str, Any]]

TITLE: Final = "Weft"
ABOUT: Final = (
    "Sessions and the threads they own: one owner, one transaction, one order. "
    "Every change is durable before it is answered. Repeat a change with the same "
    "Idempotency-Key to learn what became of it; the first answer is given again."
)

_CHANGE_HEADERS: Final = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The operation's id: repeated, the first answer is given again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": ID_SIZE_BYTES_MAX},
    },
    {
        "name": "Weft-Timeout",
        "in": "header",
        "description": "Seconds after which the operation is not begun any more.",
        "schema": {"type": "number", "minimum": 0},
    },
]


def describe(endpoints: Iterable[Endpoint], version: str) -> dict[str, Any]:
    """Return the description of endpoints.

    Args:
        endpoints: all of them.
        version: of the product.
    """
    endpoints = list(endpoints)
    kinds = _kinds(endpoints)
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REFERENCES)
    by_kind = {_key(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        at = paths.setdefault(endpoint.path, {})
        at[endpoint.method.lower()] = _operation(endpoint, by_kind, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version, "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {"Problem": _content("What went wrong.", by_kind[Problem])},
        },
        "security": [{"token": []}, {}],
    }


def _kinds(endpoints: Iterable[Endpoint]) -> list[Any]:
    kinds: dict[Any, Any] = {Problem: Problem}
    for endpoint in endpoints:
        for kind in (endpoint.body, endpoint.query, *endpoint.answers):
            if kind is not None:
                kinds[_key(kind)] = kind
    return list(kinds.values())


def _key(kind: Any) -> Any:
    """Return what a type is found by; some are not hashable by value."""
    return kind if isinstance(kind, type) and not get_args(kind) else repr(kind)


def _operation(
    endpoint: Endpoint, by_kind: Schemas, components: Mapping[str, Any]
) -> dict[str, Any]:
    summary, _, rest = endpoint.docstring.partition("\n")
    described: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [endpoint.tag],
        "summary": summary,
        "parameters": [
            *_path_parameters(endpoint.path),
            *_query_parameters(endpoint, by_kind, components),
        ],
        "responses": _responses(endpoint, by_kind),
    }
    if rest.strip():
        described["description"] = rest.strip()
    if endpoint.scope is None:
        described["security"] = []
    elif endpoint.changes:
        described["parameters"] += _CHANGE_HEADERS
    if endpoint.body is not None:
        described["requestBody"] = {
            "required": bool(
                _schema_of(endpoint.body, by_kind, components).get("required")
            ),
            "content": {"application/json": {"schema": by_kind[_key(endpoint.body)]}},
        }
    return described


def _path_parameters(path: str) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(Id)
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name in _PART.findall(path)
    ]


def _query_parameters(
    endpoint: Endpoint, by_kind: Schemas, components: Mapping[str, Any]
) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    described = _schema_of(endpoint.query, by_kind, components)
    required = described.get("required", [])
    return [
        {"name": field, "in": "query", "required": field in required, "schema": schema}
        for field, schema in described["properties"].items()
    ]


def _schema_of(
    kind: Any, by_kind: Schemas, components: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return a schema itself where there is a reference to it."""
    schema = by_kind[_key(kind)]
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = components.get(name, schema)
    return found


def _responses(endpoint: Endpoint, by_kind: Schemas) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for kind in endpoint.answers:
        if kind is None:
            words = HTTPStatus.NO_CONTENT.phrase
            responses[str(int(HTTPStatus.NO_CONTENT))] = {"description": words}
        else:
            words = HTTPStatus(endpoint.status).phrase
            answer = _content(words, by_kind[_key(kind)], "application/json")
            responses[str(endpoint.status)] = answer
    if endpoint.streams:
        answer = responses.setdefault(
            str(endpoint.status), {"description": "Events.", "content": {}}
        )
        answer["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    if not responses:
        responses[str(endpoint.status)] = {"description": "As asked for."}
    responses["default"] = {"$ref": "#/components/responses/Problem"}
    return responses


def _content(
    words: str, schema: Mapping[str, Any], media_type: str = MEDIA_TYPE
) -> dict[str, Any]:
    return {"description": words, "content": {media_type: {"schema": schema}}}
