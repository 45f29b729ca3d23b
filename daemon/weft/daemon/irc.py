"""Chat logs with their conversations marked: what ``weft replay LOGDIR`` reads.

A log is two files side by side, in the format of the corpus of Kummerfeld et al.,
"A Large-Scale Corpus for Conversation Disentanglement" (ACL 2019):

* ``NAME.raw.txt``: one line each, numbered from 0. A message ``[03:41] <nick> text``
  and an action ``[10:00]  * nick text`` are chat. Everything else (joins and parts
  ``=== ...``, notices, blank lines) is no chat, but keeps its number.
* ``NAME.annotation.txt``: links ``A B -``: lines A and B are of one conversation. A
  line linked to itself starts one; a line without a link is in none.

Guarantees:
    * A conversation is a connected component of the links, reduced to its chat
      lines. So no line is in two conversations, and none is without a chat line.
    * Only a line feed ends a line: a form feed, U+0085 or U+2028 inside a message
      moves no number. A carriage return before the line feed is dropped.
    * A raw file may hold any bytes: broken UTF-8 turns into U+FFFD. An annotation
      file may hold no mistake, for it would tear or mix conversations unseen.

Not here: sessions and threads. Turning authors and conversations into them is the
business of the replay.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

import msgspec

__all__ = [
    "BadAnnotation",
    "Conversation",
    "Line",
    "Log",
    "LogError",
    "LogFiles",
    "NoLogs",
    "UnreadableLog",
    "find_logs",
    "read_log",
]

RAW_SUFFIX: Final = ".raw.txt"
ANNOTATION_SUFFIX: Final = ".annotation.txt"

_MESSAGE: Final = re.compile(r"\[([0-9]{2}:[0-9]{2})\] <([^>]+)> ?(.*)")
_ACTION: Final = re.compile(r"\[([0-9]{2}:[0-9]{2})\]  \* (\S+) ?(.*)")
_LINK: Final = re.compile(r"([0-9]{1,18}) ([0-9]{1,18}) - ?")
"""Some of the corpus ends its links with a space. Eighteen digits fit 64 bits and
are short of the 4,300 that ``int`` refuses."""


class LogError(Exception):
    """Logs that cannot be replayed.

    Attributes:
        path: the file or directory that is at fault.
        reason: what is wrong with it, without a full stop.
        remedy: what to do about it, a sentence.
        exit_code: what the command ends with, one of sysexits.h.
    """

    exit_code: ClassVar[int]

    def __init__(self, path: Path, reason: str, remedy: str) -> None:
        super().__init__(path, reason, remedy)
        self.path = path
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}. {self.remedy}"


class NoLogs(LogError):
    """The directory is not there, is none, or holds no log."""

    exit_code = os.EX_NOINPUT


class UnreadableLog(LogError):
    """The operating system does not hand out a file of a log, or it is missing."""

    exit_code = os.EX_NOINPUT


class BadAnnotation(LogError):
    """A line of an annotation file is not a link between two lines of the log.

    Attributes:
        line: the line of the annotation file, counted from 1 as editors do. Line
            numbers inside a link are counted from 0, as the format does.
    """

    exit_code = os.EX_DATAERR

    def __init__(self, path: Path, line: int, reason: str, remedy: str) -> None:
        super().__init__(path, reason, remedy)
        self.args = (path, line, reason, remedy)  # what pickle calls the class with
        self.line = line

    def __str__(self) -> str:
        place = f"{self.path}, line {self.line} (counted from 1)"
        return f"{place}: {self.reason}. {self.remedy}"


class Line(msgspec.Struct, frozen=True, gc=False):
    """One chat line.

    Attributes:
        number: its place in the raw file, counted from 0, all lines counted.
        author: the nick as it was written, case and odd characters kept.
        time: hours and minutes as they were written, ``HH:MM``; no date, no zone.
        text: what was said; may be empty.
        action: whether it was ``* nick waves`` and not ``<nick> hello``.
    """

    number: int
    author: str
    time: str
    text: str
    action: bool


class Conversation(msgspec.Struct, frozen=True, gc=False):
    """The chat lines that belong together.

    Attributes:
        first_line: the number of the first one, which names the conversation within
            its log.
        starter: the author of the first one.
        lines: the numbers of all of them, ascending, ``first_line`` included.
    """

    first_line: int
    starter: str
    lines: tuple[int, ...]


class Log(msgspec.Struct, frozen=True, gc=False):
    """One log, read and validated.

    Attributes:
        name: the name of its files without the suffix.
        lines: the chat lines by number, ascending, in a conversation or not.
        conversations: by first line, ascending.
    """

    name: str
    lines: Mapping[int, Line]
    conversations: tuple[Conversation, ...]


class LogFiles(msgspec.Struct, frozen=True):
    """Where a log lies.

    Attributes:
        name: the name of both files without the suffix.
        raw: the lines.
        annotation: the links; whether it exists shows when the log is read.
    """

    name: str
    raw: Path
    annotation: Path


def find_logs(directory: Path) -> list[LogFiles]:
    """Find the logs of a directory; hidden files and what lies deeper are left out.

    Args:
        directory: where the ``*.raw.txt`` files lie.

    Returns:
        At least one log, sorted by name.

    Raises:
        NoLogs: there is none, or no such directory.
        UnreadableLog: the directory cannot be listed.
    """
    remedy = f"Name a directory that holds NAME{RAW_SUFFIX} files."
    try:
        files = [path.name for path in directory.iterdir()]
    except FileNotFoundError as error:
        raise NoLogs(directory, "no such directory", remedy) from error
    except NotADirectoryError as error:
        raise NoLogs(directory, "is not a directory", remedy) from error
    except OSError as error:
        raise _unreadable(directory, error) from error
    names = sorted(
        file.removesuffix(RAW_SUFFIX)
        for file in files
        if file.endswith(RAW_SUFFIX) and not file.startswith(".")
    )
    if not names:
        raise NoLogs(directory, f"holds no *{RAW_SUFFIX} file", remedy)
    return [
        LogFiles(
            os.fsencode(name).decode(errors="replace"),  # a file name is any bytes
            directory / f"{name}{RAW_SUFFIX}",
            directory / f"{name}{ANNOTATION_SUFFIX}",
        )
        for name in names
    ]


def read_log(files: LogFiles) -> Log:
    """Read and validate one log.

    Args:
        files: where it lies, from `find_logs`.

    Returns:
        The log, complete; nothing is read later.

    Raises:
        UnreadableLog: one of the two files is missing or cannot be read.
        BadAnnotation: the first line of the annotation file that is not a link
            between two lines of the raw file.
    """
    raw = _split(_read(files.raw))
    annotation = _split(_read(files.annotation))
    lines = {line.number: line for line in _chat_lines(raw)}
    links = _links(files, annotation, len(raw))
    return Log(files.name, lines, _conversations(lines, links))


def _read(path: Path) -> bytes:
    """Return the bytes of a regular file."""
    try:
        # opening a named pipe would wait for a writer, perhaps for ever
        if not stat.S_ISREG(path.stat().st_mode):
            remedy = "Move it away, or put the log in its place."
            raise UnreadableLog(path, "is not a regular file", remedy)
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> UnreadableLog:
    """Say what the operating system said, and what helps."""
    remedy = "Make it readable for this user, or move it away."
    if isinstance(error, FileNotFoundError):
        remedy = f"Add it: a log is a *{RAW_SUFFIX} and a *{ANNOTATION_SUFFIX} file."
    return UnreadableLog(path, error.strerror or str(error), remedy)


def _split(data: bytes) -> list[str]:
    """Split at line feeds alone; `str.splitlines` knows ten more line ends."""
    lines = data.decode(errors="replace").split("\n")
    if not lines[-1]:
        del lines[-1]  # the end of the last line, not one more line
    return [line.removesuffix("\r") for line in lines]


def _chat_lines(raw: Iterable[str]) -> Iterator[Line]:
    """Pick the messages and the actions."""
    for number, line in enumerate(raw):
        if match := _MESSAGE.fullmatch(line):
            time, author, text = match.groups()
            yield Line(number, author, time, text, action=False)
        elif match := _ACTION.fullmatch(line):
            time, author, text = match.groups()
            yield Line(number, author, time, text, action=True)


def _links(
    files: LogFiles, annotation: Iterable[str], line_count: int
) -> Iterator[tuple[int, int]]:
    """Decode the links, and refuse the first line that is none."""
    for place, line in enumerate(annotation, 1):
        match = _LINK.fullmatch(line)
        if match is None:
            reason = f"{line[:60]!r} is not a link"
            remedy = "Write 'A B -' with two line numbers of the log."
            raise BadAnnotation(files.annotation, place, reason, remedy)
        a, b = int(match[1]), int(match[2])
        if max(a, b) >= line_count:
            reason = (
                f"links to line {max(a, b)} (counted from 0), "
                f"but {files.raw.name} has {line_count} lines"
            )
            remedy = "Correct the number, or complete the raw file."
            raise BadAnnotation(files.annotation, place, reason, remedy)
        yield a, b


def _conversations(
    lines: Mapping[int, Line], links: Iterable[tuple[int, int]]
) -> tuple[Conversation, ...]:
    """Reduce the components to chat lines, and drop those that have none."""
    found = []
    for component in _components(links):
        chat = tuple(sorted(number for number in component if number in lines))
        if chat:
            found.append(Conversation(chat[0], lines[chat[0]].author, chat))
    return tuple(sorted(found, key=lambda conversation: conversation.first_line))


def _components(links: Iterable[tuple[int, int]]) -> Iterable[list[int]]:
    """Gather the connected components: union-find with path splitting."""
    parents: dict[int, int] = {}

    def root(number: int) -> int:
        parents.setdefault(number, number)
        while (parent := parents[number]) != number:
            parents[number] = parents[parent]
            number = parent
        return number

    for a, b in links:
        parents[root(a)] = root(b)
    components: dict[int, list[int]] = {}
    for number in parents:
        components.setdefault(root(number), []).append(number)
    return components.values()
