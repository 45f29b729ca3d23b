"""Chat logs that are not what they should be are refused, with file and line."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon.chat_logs import WriteLog, writer_of_logs
from weft.daemon.irc import (
    BadAnnotation,
    LogError,
    NoLogs,
    UnreadableLog,
    find_logs,
    read_log,
)

FIVE_LINES = (
    b"[12:00] <ann> a\n"
    b"[12:01] <bob> b\n"
    b"=== cy has joined\n"
    b"[12:02] <ANN> c\n"
    b"[12:03]  * dee waves\n"
)


@pytest.fixture
def write_log(tmp_path: Path) -> WriteLog:
    """Return a function that writes one log and returns where it lies."""
    return writer_of_logs(tmp_path)


def test_a_directory_without_logs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "garden.annotation.txt").touch()
    with pytest.raises(NoLogs) as caught:
        find_logs(tmp_path)
    assert caught.value.exit_code == 66
    assert (
        f"{tmp_path}: holds no *.raw.txt file. "
        "Name a directory that holds NAME.raw.txt files."
    ) == str(caught.value)


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoLogs, match="no such directory") as caught:
        find_logs(tmp_path / "absent")
    assert tmp_path / "absent" == caught.value.path


def test_a_file_in_place_of_the_directory_is_refused(write_log: WriteLog) -> None:
    files = write_log(b"")
    with pytest.raises(NoLogs, match="is not a directory") as caught:
        find_logs(files.raw)
    assert files.raw == caught.value.path


def test_a_directory_that_cannot_be_listed_is_no_empty_directory(
    tmp_path: Path,
) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(UnreadableLog, match="symbolic links") as caught:
        find_logs(loop)
    assert loop == caught.value.path


def test_a_log_without_annotation_names_the_missing_file(write_log: WriteLog) -> None:
    files = write_log(FIVE_LINES)
    files.annotation.unlink()
    with pytest.raises(UnreadableLog) as caught:
        read_log(files)
    assert caught.value.exit_code == 66
    assert (
        f"{files.annotation}: No such file or directory. "
        "Add it: a log is a *.raw.txt and a *.annotation.txt file."
    ) == str(caught.value)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(
    write_log: WriteLog, make: Callable[[Path], None]
) -> None:
    files = write_log(FIVE_LINES)
    files.annotation.unlink()
    make(files.annotation)  # opening a named pipe waits for a writer
    with pytest.raises(UnreadableLog, match="is not a regular file") as caught:
        read_log(files)
    assert files.annotation == caught.value.path


def test_a_file_the_system_does_not_open_is_refused_in_its_words(
    write_log: WriteLog,
) -> None:
    files = write_log(FIVE_LINES)
    files.raw.unlink()
    files.raw.symlink_to(files.raw)  # no permission would not stop root
    with pytest.raises(UnreadableLog) as caught:
        read_log(files)
    assert (
        f"{files.raw}: Too many levels of symbolic links. "
        "Make it readable for this user, or move it away."
    ) == str(caught.value)


@pytest.mark.parametrize(
    "link",
    [
        b"0 1",
        b"0 1 x",
        b"0 1 - -",
        b"0 -",
        b"zero 1 -",
        b"-1 1 -",
        b"0 +1 -",
        b"0 1.0 -",
        b"0 1_0 -",
        b"0\t1 -",
        b"0\xc2\xa01 -",
        b" 0 1 -",
        b"",
        b"\xff",
        "0 \u0661 -".encode(),
        b"0 " + b"1" * 5000 + b" -",
    ],
)
def test_a_malformed_link_is_refused_with_its_line(
    write_log: WriteLog, link: bytes
) -> None:
    files = write_log(FIVE_LINES, b"0 1 -\n1 3 -\n" + link + b"\nalso wrong\n")
    with pytest.raises(BadAnnotation, match="is not a link") as caught:
        read_log(files)
    error = caught.value
    assert (files.annotation, 3, 65) == (error.path, error.line, error.exit_code)


def test_a_malformed_link_is_quoted(write_log: WriteLog) -> None:
    files = write_log(FIVE_LINES, b"0 1 -\n0 \x1b[31m -\n")
    with pytest.raises(BadAnnotation) as caught:
        read_log(files)
    assert (
        f"{files.annotation}, line 2 (counted from 1): '0 \\x1b[31m -' is not a link. "
        "Write 'A B -' with two line numbers of the log."
    ) == str(caught.value)


@pytest.mark.parametrize(
    ("link", "number"),
    [
        (b"0 5 -", 5),
        (b"5 0 -", 5),
        (b"7 9 -", 9),
        (b"0 " + b"9" * 18 + b" -", 10**18 - 1),
    ],
)
def test_a_link_past_the_end_of_the_log_says_how_lines_are_counted(
    write_log: WriteLog, link: bytes, number: int
) -> None:
    files = write_log(FIVE_LINES, b"0 4 -\n" + link + b"\n")
    with pytest.raises(BadAnnotation) as caught:
        read_log(files)
    assert (
        f"{files.annotation}, line 2 (counted from 1): "
        f"links to line {number} (counted from 0), but log.raw.txt has 5 lines. "
        "Correct the number, or complete the raw file."
    ) == str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        NoLogs(Path("a"), "is not a directory", "Name one."),
        BadAnnotation(Path("a"), 3, "is not a link", "Write one."),
    ],
)
def test_errors_survive_pickling(error: LogError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(error), vars(error), str(error)) == (type(copy), vars(copy), str(copy))
