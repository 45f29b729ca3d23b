"""What the daemon answers, asked over a real connection."""

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.daemon.asking import Answer, ask, scrape
from weft.actors import Runtime, RuntimeStatistics
from weft.daemon.app import BODY_SIZE_BYTES_MAX, Served, create_app
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer
from weft.storage import MemoryStore

PROBLEM = "application/problem+json"
UTF_8_ESCAPED = "charset=utf-8; escaping=underscores"


@pytest.fixture
def url(runtime: Runtime) -> Iterator[str]:
    with BackgroundServer(create_app(runtime), bind(Address("127.0.0.1", 0))) as server:
        yield server.url


def ask_app(source: Served, path: str) -> Answer:
    """Ask an application of its own, for one question."""
    with BackgroundServer(create_app(source), bind(Address("127.0.0.1", 0))) as server:
        return ask(server.url + path)


class Sick:
    """A runtime whose store cannot write, as the real one tells it."""

    closed = False

    def statistics(self) -> RuntimeStatistics:
        with Runtime.open(store=MemoryStore()) as runtime:
            well = runtime.statistics()
        return replace(well, writer=replace(well.writer, read_only=True))


class Broken:
    """A runtime with a defect."""

    closed = False

    def statistics(self) -> RuntimeStatistics:
        raise ArithmeticError("a defect")


def closed_runtime(directory: Path) -> Runtime:
    runtime = Runtime.open(directory)
    runtime.close()
    return runtime


# -- alive and ready -----------------------------------------------------------------


def test_it_is_alive(url: str) -> None:
    answer = ask(f"{url}/livez")
    assert (200, {"status": "alive"}) == (answer.status, answer.json)
    assert answer.headers["content-type"] == "application/json"


def test_it_is_ready(url: str) -> None:
    answer = ask(f"{url}/readyz")
    assert (200, {"status": "ready"}) == (answer.status, answer.json)


def test_a_store_that_cannot_write_makes_it_unready_and_says_so() -> None:
    answer = ask_app(Sick(), "/readyz")
    assert (503, PROBLEM) == (answer.status, answer.headers["content-type"])
    assert "cannot write" in answer.json["detail"]


def test_a_store_that_cannot_write_leaves_it_alive_and_scraped() -> None:
    assert ask_app(Sick(), "/livez").status == 200
    assert b"\nweft_store_read_only 1.0\n" in ask_app(Sick(), "/metrics").body


def test_a_closed_runtime_makes_it_unready_and_says_so(tmp_store: Path) -> None:
    answer = ask_app(closed_runtime(tmp_store), "/readyz")
    assert (503, "StoreClosed") == (answer.status, answer.json["code"])
    assert "Open it again" in answer.json["detail"]


def test_a_closed_runtime_leaves_it_alive_and_has_no_metrics(tmp_store: Path) -> None:
    runtime = closed_runtime(tmp_store)
    assert ask_app(runtime, "/livez").status == 200
    answer = ask_app(runtime, "/metrics")
    assert (503, PROBLEM) == (answer.status, answer.headers["content-type"])


# -- metrics -------------------------------------------------------------------------


def test_metrics_are_those_of_the_runtime(url: str, runtime: Runtime) -> None:
    runtime.session("ann").create_thread("notes").get(timeout=10)
    samples = scrape(url)
    assert samples["weft_sessions", "open"] == 1
    assert samples["weft_threads", "idle"] == 1
    assert samples["weft_operations_total", "CreateThreads,applied"] == 1


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5",
            f"application/openmetrics-text; version=1.0.0; {UTF_8_ESCAPED}",
        ),
    ],
)
def test_metrics_come_in_the_format_asked_for(
    url: str, accept: str, expected: str
) -> None:
    answer = ask(f"{url}/metrics", headers={"Accept": accept})
    assert (200, expected) == (answer.status, answer.headers["content-type"])


def test_a_head_request_is_answered_without_a_body(url: str) -> None:
    answer = ask(f"{url}/metrics", "HEAD")
    assert (200, b"") == (answer.status, answer.body)


# -- what it refuses -----------------------------------------------------------------


def test_an_unknown_path_is_a_problem_that_says_what_there_is(url: str) -> None:
    answer = ask(f"{url}/nothing/{{braces}}")
    assert (404, PROBLEM) == (answer.status, answer.headers["content-type"])
    expected = {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at /nothing/{braces}. "
        "Look at /openapi.json for what there is.",
    }
    assert expected == answer.json


def test_a_wrong_method_is_a_problem_that_says_which_are_right(url: str) -> None:
    answer = ask(f"{url}/livez", "DELETE")
    assert (405, PROBLEM) == (answer.status, answer.headers["content-type"])
    assert answer.json["detail"].startswith("/livez does not answer DELETE.")
    assert {"GET", "HEAD"} == set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1"])
def test_a_page_that_reaches_it_under_another_name_is_refused(
    url: str, host: str
) -> None:
    assert ask(f"{url}/metrics", headers={"Host": host}).status == 400


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8123", "127.0.0.1", "[::1]"])
def test_the_names_of_this_machine_are_accepted(url: str, host: str) -> None:
    assert ask(f"{url}/livez", headers={"Host": host}).status == 200


def test_a_large_body_is_refused(url: str) -> None:
    body = bytes(BODY_SIZE_BYTES_MAX + 1)
    assert ask(f"{url}/livez", "POST", body).status == 413
    assert ask(f"{url}/livez", "POST", body[1:]).status == 405


def test_a_defect_is_a_problem_without_its_secrets() -> None:
    answer = ask_app(Broken(), "/readyz")
    assert (500, PROBLEM) == (answer.status, answer.headers["content-type"])
    assert b"defect" not in answer.body


def opened_and_dropped() -> weakref.ref[Runtime]:
    with Runtime.open(store=MemoryStore()) as runtime:
        create_app(runtime)
    return weakref.ref(runtime)


def test_an_application_that_is_dropped_keeps_neither_runtime_nor_its_files() -> None:
    kept = [opened_and_dropped() for _ in range(3)]
    gc.collect()
    assert [None, None] == [runtime() for runtime in kept[:2]]  # one may be in a turn
