"""Headers are read once, and read as Starlette reads them."""

from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from weft.daemon.http.headers import Given, headers_of

NAMES = st.sampled_from(["accept", "host", "idempotency-key", "x"])
PAIRS = st.lists(st.tuples(NAMES.map(str.encode), st.binary(max_size=5)))


@given(PAIRS, NAMES)
def test_they_are_those_of_starlette(
    pairs: list[tuple[bytes, bytes]], name: str
) -> None:
    scope = {"type": "http", "headers": pairs}
    expected, found = Headers(scope=scope), Given(scope)
    assert expected.get(name) == found.get(name)
    assert expected.get(name, "none") == found.get(name, "none")
    assert expected.getlist(name) == found.getlist(name)


def test_they_are_read_once() -> None:
    scope = {"type": "http", "headers": [(b"host", b"a")]}
    assert headers_of(scope) is headers_of(scope)
