"""Asking a server, with nothing but the standard library."""

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S = 10


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


@contextmanager
def connected(url: str) -> Iterator[http.client.HTTPConnection]:
    """Connect to the server of a URL for the time of a with block."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
    try:
        connection.connect()
        yield connection
    finally:
        connection.close()


def ask(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Send one request."""
    with connected(url) as connection:
        connection.request(method, urlsplit(url).path, body, headers or {})
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())


def scrape(url: str) -> dict[tuple[str, str], float]:
    """Return the samples of a metrics page, by name and joined label values."""
    answer = ask(f"{url}/metrics")
    assert answer.status == 200
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def url_in(line: str) -> str:
    """Return the URL of the server that a line of output names."""
    found = re.search(r"http://[0-9.:\[\]a-f]+", line)
    assert found, f"no URL in {line!r}"
    return found[0]
