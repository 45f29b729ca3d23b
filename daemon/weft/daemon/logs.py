"""The daemon's log: lines of text for people, lines of JSON for collectors.

Each record of the loggers below ``weft`` becomes one line on stderr, and so do the
warnings of those that serve for it, uvicorn and asyncio. In JSON it has
``time``, ``level``, ``logger``, ``message``, and what the record is about:
``request_id``, ``op_id``, ``session_id``, ``thread_id`` and the like.

Guarantees:
    * who logs does not wait: an OS thread of its own writes, in order;
    * a record is one line, whatever is in it, and does not steer a terminal;
    * headers and bodies of requests, tokens with them, are not logged at all.
"""

import logging
import queue
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from typing import Any, Final, Literal, TextIO

import msgspec

from weft.daemon.printing import clean

__all__ = ["LogFormat", "LogLevel", "logging_to", "request_id", "say"]

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

request_id: ContextVar[str | None] = ContextVar("weft_request_id", default=None)
"""The id of the request that is being answered."""

_KNOWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
"""What every record has: everything else somebody has put there."""

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode

_SERVING: Final = ("uvicorn", "asyncio")
"""Loggers of those who tell of requests that cannot be read, and of defects."""

_said: Final = logging.getLogger("weft.daemon.said")


class _Text(logging.Formatter):
    """Lines for people; what the daemon says about itself looks like a command's."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == _said.name:
            return f"weft: {record.getMessage()}"
        when = _time_of(record)
        line = f"{when} {record.levelname:<7} {record.name}: {record.getMessage()}"
        line = clean(line)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class _Json(logging.Formatter):
    """Lines for machines."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {
            name: value
            for name, value in vars(record).items()
            if name not in _KNOWN and value is not None
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return _encode(fields).decode()


class _Aside(QueueHandler):
    """Hands records to the OS thread that writes, whole: it is in this process."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        given = getattr(record, "request_id", None)
        record.request_id = given or request_id.get()
        return record


@contextmanager
def logging_to(
    stream: TextIO = sys.stderr,
    *,
    log_format: LogFormat = "text",
    log_level: LogLevel = "warning",
) -> Generator[None]:
    """Write the log to a stream for the time of a with block.

    Args:
        stream: gets the lines.
        log_format: of the lines.
        log_level: what is written: this, and what is worse.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Json() if log_format == "json" else _Text())
    records: queue.SimpleQueue[Any] = queue.SimpleQueue()
    aside = _Aside(records)
    listener = QueueListener(records, handler)
    level = logging.getLevelNamesMapping()[log_level.upper()]
    listener.start()
    try:
        with ExitStack() as heard:
            heard.enter_context(_heard("weft", level, aside))
            for name in _SERVING:
                heard.enter_context(_heard(name, max(level, logging.WARNING), aside))
            _said.setLevel(logging.INFO)
            yield
    finally:
        _said.setLevel(logging.NOTSET)
        listener.stop()


@contextmanager
def _heard(name: str, level: int, handler: logging.Handler) -> Generator[None]:
    """Have a handler alone hear a logger for the time of a with block."""
    logger = logging.getLogger(name)
    before, spread = logger.level, logger.propagate
    logger.setLevel(level)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = spread
        logger.setLevel(before)


def say(words: str) -> None:
    """Tell whoever started the daemon something, whatever the level."""
    _said.info("%s", words)


def _time_of(record: logging.LogRecord) -> str:
    when = datetime.fromtimestamp(record.created, UTC)
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")
