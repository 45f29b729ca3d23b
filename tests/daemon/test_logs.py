"""The log: lines for people and for machines, whole, and without secrets."""

import io
import logging
import re
import threading
from typing import Any

import msgspec
import pytest

from tests.daemon.asking import ask, url_in
from tests.daemon.child import DEADLINE_S, weft
from tests.daemon.http.asking import ADMIN, bearer, token_file
from weft.daemon.logs import LogFormat, LogLevel, logging_to, request_id, say


def written(
    log_format: LogFormat = "json", log_level: LogLevel = "info", **extra: Any
) -> list[str]:
    """Return the lines that a few records make."""
    stream = io.StringIO()
    logger = logging.getLogger("weft.operations")
    with logging_to(stream, log_format=log_format, log_level=log_level):
        logger.debug("too fine")
        logger.info("two\nlines", extra=extra)
        error = ValueError("no ink")
        logging.getLogger("weft.actors").error("It failed", exc_info=error)
        say("serving")
    return stream.getvalue().splitlines()


def test_a_record_is_one_line_of_json_with_what_it_is_about() -> None:
    lines = written(op_id="op-1", session_id="s", thread_id=None, details={"a": {1}})
    first, second, third = map(msgspec.json.decode, lines)
    time = first.pop("time")
    assert time.endswith("Z")
    assert {
        "level": "info",
        "logger": "weft.operations",
        "message": "two\nlines",
        "op_id": "op-1",
        "session_id": "s",
        "details": {"a": [1]},
    } == first
    assert "ValueError: no ink" in second["traceback"]
    assert ("weft.daemon.said", "serving") == (third["logger"], third["message"])


def test_a_record_is_one_line_of_text() -> None:
    first, second, *traceback, last = written("text")
    assert first.endswith("INFO    weft.operations: two\\nlines")
    assert second.endswith("ERROR   weft.actors: It failed")
    assert "ValueError: no ink" == traceback[-1]
    assert "weft: serving" == last


def test_those_who_serve_are_heard_in_the_same_form() -> None:
    stream = io.StringIO()
    with logging_to(stream, log_format="json", log_level="debug"):
        for name in ("uvicorn.error", "asyncio"):
            logging.getLogger(name).info("too fine")
            logging.getLogger(name).warning("a request\nthat cannot be read")
    told = [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]
    assert [("uvicorn.error", "warning"), ("asyncio", "warning")] == [
        (record["logger"], record["level"]) for record in told
    ]


def test_what_a_client_sent_does_not_steer_a_terminal() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        logging.getLogger("weft.requests").warning("GET /%s", "\x1b[2J\r\u2028x")
    assert stream.getvalue().endswith("GET /\\x1b[2J\\r\\u2028x\n")


def test_what_is_below_the_level_is_left_out() -> None:
    assert ["error", "info"] == [
        msgspec.json.decode(line)["level"] for line in written(log_level="error")
    ]


def test_a_record_has_the_id_of_its_request() -> None:
    token = request_id.set("request-1")
    try:
        lines = written()
    finally:
        request_id.reset(token)
    assert {"request-1"} == {
        msgspec.json.decode(line).get("request_id") for line in lines
    }


def test_who_logs_does_not_wait_for_the_stream() -> None:
    gate = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            assert gate.wait(DEADLINE_S)
            return super().write(text)

    stream = Stuck()
    with logging_to(stream):
        for number in range(10):
            say(str(number))
        gate.set()
    assert [f"weft: {n}" for n in range(10)] == stream.getvalue().splitlines()


@pytest.mark.parametrize("name", ["weft", "uvicorn", "asyncio"])
def test_afterwards_nothing_is_changed(name: str) -> None:
    logger = logging.getLogger(name)
    before = (logger.level, logger.propagate, list(logger.handlers))
    with logging_to(io.StringIO()):
        assert before != (logger.level, logger.propagate, logger.handlers)
    assert before == (logger.level, logger.propagate, logger.handlers)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Any]]:
    """Return the text of a daemon's log, and its records."""
    directory = tmp_path_factory.mktemp("logged")
    places = ("--data", directory / "data", "--token-file", token_file(directory))
    how = ("--listen", "127.0.0.1:0", "--log-format", "json", "--log-level", "debug")
    with weft("serve", *places, *how) as child:
        assert child.stderr is not None
        first = child.stderr.readline()
        while "http://" not in first.splitlines()[-1]:  # a check may be told before
            first += child.stderr.readline()
        url = url_in(msgspec.json.decode(first.splitlines()[-1])["message"])
        send = {"content-type": "application/json", "x-request-id": "request-1"}
        keyed = send | bearer(ADMIN) | {"idempotency-key": "op-1"}
        made = ask(f"{url}/sessions", "POST", b'{"session_id": "alice"}', keyed)
        assert (201, "request-1") == (made.status, made.headers["x-request-id"])
        wrong = bearer("a-secret-that-is-wrong") | {"x-request-id": "no id"}
        refused = ask(f"{url}/sessions", headers=wrong)
        assert 401 == refused.status
        assert re.fullmatch("[0-9a-f]{16}-[0-9a-f]{8}", refused.headers["x-request-id"])
        assert 404 == ask(f"{url}/sessions/bob", headers=bearer(ADMIN)).status
        child.terminate()
        text = first + child.communicate(timeout=DEADLINE_S)[1]
    return text, [msgspec.json.decode(line) for line in text.splitlines()]


def of(log: tuple[str, list[Any]], logger: str) -> list[Any]:
    return [record for record in log[1] if logger == record["logger"]]


def test_each_request_is_one_line(log: tuple[str, list[Any]]) -> None:
    made, refused, missing = of(log, "weft.requests")
    assert ("POST", "/sessions", 201, "request-1", "op-1", "admin") == (
        made["method"],
        made["path"],
        made["status"],
        made["request_id"],
        made["op_id"],
        made["asker"],
    )
    assert 401 == refused["status"]
    assert ("bob", 404) == (missing["session_id"], missing["status"])
    assert all(0 < record["duration_s"] < 10 for record in (made, refused, missing))


def test_an_operation_is_logged_with_its_ids_and_its_request(
    log: tuple[str, list[Any]],
) -> None:
    begins, done = of(log, "weft.operations")
    assert ("alice", "op-1", "request-1") == (
        begins["session_id"],
        begins["op_id"],
        begins["request_id"],
    )
    assert ("create_session", "op-1") == (done["action"], done["op_id"])


def test_no_secret_is_in_the_log(log: tuple[str, list[Any]]) -> None:
    assert ADMIN not in log[0]
    assert "a-secret-that-is-wrong" not in log[0]
