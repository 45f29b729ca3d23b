"""An application in this process, asked as a client would."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.daemon.http import HttpSettings, Tokens

PROBLEM = "application/problem+json"
ADMIN = "administrator-secret"
READER = "only-reading-secret"
ALICE = "alice-has-this-secret"
BOB = "bob-has-another-secret"

TOKENS = f"""
{ADMIN} name=admin
{READER} scopes=read name=reader
{ALICE} scopes=read,write owner=alice
{BOB} scopes=read,write owner=bob
"""


def token_file(directory: Path, text: str = TOKENS) -> Path:
    """Return a private file of tokens."""
    path = directory / "tokens"
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@contextmanager
def client_of(
    runtime: Runtime, tokens: Path | None = None, **settings: Any
) -> Iterator[TestClient]:
    """Return a client of an application, for the time of a with block."""
    app = create_app(runtime, HttpSettings(**settings), Tokens(tokens))
    with TestClient(app, base_url="http://127.0.0.1:8123") as client:
        yield client


def bearer(secret: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {secret}"}


def detail_of(answer: Any, status: int) -> str:
    """Return what a problem says."""
    assert (status, PROBLEM) == (answer.status_code, answer.headers["content-type"])
    body = answer.json()
    assert status == body["status"]
    detail: str = body["detail"]
    return detail
