"""Chat logs that tests write."""

from collections.abc import Callable
from pathlib import Path

from weft.daemon.irc import LogFiles, find_logs

WriteLog = Callable[..., LogFiles]


def writer_of_logs(directory: Path) -> WriteLog:
    """Return a function that writes one log and returns where it lies."""

    def write(raw: bytes, annotation: bytes = b"") -> LogFiles:
        (directory / "log.raw.txt").write_bytes(raw)
        (directory / "log.annotation.txt").write_bytes(annotation)
        (files,) = find_logs(directory)
        return files

    return write
