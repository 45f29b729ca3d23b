"""Reading chat logs: what is chat, what is one conversation, where they lie."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.daemon.chat_logs import WriteLog, writer_of_logs
from weft.daemon.irc import (
    Conversation,
    Line,
    Log,
    LogFiles,
    find_logs,
    read_log,
)

EXAMPLES = Path(__file__).parents[2] / "examples" / "logs"

Links = list[tuple[int, int]]


@pytest.fixture
def write_log(tmp_path: Path) -> WriteLog:
    """Return a function that writes one log and returns where it lies."""
    return writer_of_logs(tmp_path)


def read_all(directory: Path) -> list[Log]:
    return [read_log(files) for files in find_logs(directory)]


def counts(logs: list[Log]) -> tuple[int, int, int, int, int]:
    """Logs, conversations, chat lines in them, different starters, the longest."""
    found = [conversation for log in logs for conversation in log.conversations]
    lengths = [len(conversation.lines) for conversation in found]
    starters = {conversation.starter for conversation in found}
    return len(logs), len(found), sum(lengths), len(starters), max(lengths)


# -- what is chat --------------------------------------------------------------------


def test_messages_and_actions_are_chat_and_every_line_counts(
    write_log: WriteLog,
) -> None:
    raw = (
        b"=== ann has joined #garden\n"
        b"[03:41] <ann> hello\n"
        b"\n"
        b"[03:42] -noticebot:#garden- buy seeds\n"
        b"[10:00]  * bob waves\n"
    )
    expected = {
        1: Line(1, "ann", "03:41", "hello", action=False),
        4: Line(4, "bob", "10:00", "waves", action=True),
    }
    assert expected == read_log(write_log(raw)).lines


@pytest.mark.parametrize(
    ("raw", "author", "text", "action"),
    [
        (b"[12:15] <ann>", "ann", "", False),
        (b"[12:15] <ann> ", "ann", "", False),
        (b"[12:15] <ann>  indented", "ann", " indented", False),
        (b"[12:15]  * ann", "ann", "", True),
        (b"[12:15]  * ann  yawns ", "ann", " yawns ", True),
        (b"[12:15] <a|b> => <c>", "a|b", "=> <c>", False),
        (b"[12:15] <[bob]> x", "[bob]", "x", False),
        (b"[12:15] <[set] > x", "[set] ", "x", False),
        (b"[12:15] <<ann> x", "<ann", "x", False),
        ("[12:15] <Zoë> ő".encode(), "Zoë", "ő", False),
        (b"[12:15] <ANN>  * ann waves", "ANN", " * ann waves", False),
        (b"[12:15] <ann> === x", "ann", "=== x", False),
    ],
)
def test_author_and_text_keep_their_odd_characters(
    write_log: WriteLog, raw: bytes, author: str, text: str, *, action: bool
) -> None:
    expected = {0: Line(0, author, "12:15", text, action)}
    assert expected == read_log(write_log(raw + b"\n")).lines


@pytest.mark.parametrize(
    "raw",
    [
        b"=== ann waves",
        b"",
        b" ",
        b"[12:15] <> nobody",
        b"[12:15] <ann never closed",
        b"[12:15] * one space too few",
        b"[12:15]  * ",
        b"[12:15] (ann/#garden) relayed",
        b" [12:15] <ann> indented",
        b"[2:15] <ann> x",
        "[\u0661\u0662:15] <ann> x".encode(),
        b"\xff\xfe\x00",
    ],
)
def test_what_is_neither_message_nor_action_is_no_chat(
    write_log: WriteLog, raw: bytes
) -> None:
    log = read_log(write_log(raw + b"\n[12:16] <bob> x\n", b"0 0 -\n"))
    assert list(log.lines) == [1]
    assert log.conversations == ()


@pytest.mark.parametrize(
    "inside",
    ["\r", "\f", "\v", "\x00", "\x08", "\x1c", "\x1d", "\x1e", "\x85", "\u2028"],
)
def test_only_a_line_feed_ends_a_line(write_log: WriteLog, inside: str) -> None:
    raw = f"[12:15] <ann> a{inside}b\n[12:16] <bob> c\n".encode()
    lines = read_log(write_log(raw)).lines
    assert [f"a{inside}b", "c"] == [line.text for line in lines.values()]


def test_carriage_returns_before_line_feeds_are_dropped(write_log: WriteLog) -> None:
    files = write_log(b"[12:15] <ann> a\r\n[12:16] <bob>\r\n", b"0 1 -\r\n")
    log = read_log(files)
    assert [line.text for line in log.lines.values()] == ["a", ""]
    assert (Conversation(0, "ann", (0, 1)),) == log.conversations


def test_broken_utf_8_is_replaced_and_takes_no_line_end_with_it(
    write_log: WriteLog,
) -> None:
    raw = b"[12:15] <J\xfcrgen> caf\xe9\n[12:16] <ann> \xe2\x82\n[12:17] <bob> c\n"
    lines = read_log(write_log(raw)).lines.values()
    expected = [("J\ufffdrgen", "caf\ufffd"), ("ann", "\ufffd"), ("bob", "c")]
    assert expected == [(line.author, line.text) for line in lines]


def test_the_last_line_may_lack_its_line_feed(write_log: WriteLog) -> None:
    log = read_log(write_log(b"[12:15] <ann> a\n[12:16] <bob> b", b"0 1 -"))
    assert (Conversation(0, "ann", (0, 1)),) == log.conversations


def test_empty_files_are_a_log_without_conversations(write_log: WriteLog) -> None:
    assert Log("log", {}, ()) == read_log(write_log(b""))


# -- what is one conversation --------------------------------------------------------

FIVE_LINES = (
    b"[12:00] <ann> a\n"
    b"[12:01] <bob> b\n"
    b"=== cy has joined\n"
    b"[12:02] <ANN> c\n"
    b"[12:03]  * dee waves\n"
)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        pytest.param(b"", (), id="no link, no conversation"),
        pytest.param(b"1 1 -\n", ((1,),), id="a self-link starts one"),
        pytest.param(b"0 3 - \n1 4 - \n", ((0, 3), (1, 4)), id="interleaved"),
        pytest.param(b"4 0 -\n", ((0, 4),), id="a link may name the later line first"),
        pytest.param(b"1 3 -\n0 1 -\n3 0 -\n1 3 -\n", ((0, 1, 3),), id="a cycle"),
        pytest.param(b"3 4 -\n0 1 -\n1 4 -\n", ((0, 1, 3, 4),), id="two parts join"),
        pytest.param(b"2 2 -\n", (), id="no chat line, no conversation"),
        pytest.param(b"0 2 -\n2 4 -\n", ((0, 4),), id="joined by a system line"),
        pytest.param(b"2 3 -\n", ((3,),), id="reduced to its chat line"),
        pytest.param(b"4 4 -\n0 0 -\n", ((0,), (4,)), id="sorted by first line"),
        pytest.param(b"00 03 -\n", ((0, 3),), id="leading zeros"),
    ],
)
def test_a_conversation_is_a_component_of_the_links(
    write_log: WriteLog, annotation: bytes, expected: tuple[tuple[int, ...], ...]
) -> None:
    conversations = read_log(write_log(FIVE_LINES, annotation)).conversations
    assert expected == tuple(found.lines for found in conversations)


def test_a_starter_is_the_author_of_the_first_chat_line_with_its_case(
    write_log: WriteLog,
) -> None:
    log = read_log(write_log(FIVE_LINES, b"2 3 -\n3 4 -\n0 0 -\n"))
    expected = (Conversation(0, "ann", (0,)), Conversation(3, "ANN", (3, 4)))
    assert expected == log.conversations


def searched(chat: list[bool], links: Links) -> set[tuple[int, ...]]:
    """Find the conversations the naive way: walk the links until none is new."""
    found = set()
    for start in {number for link in links for number in link}:
        reached, before = {start}, 0
        while before != len(reached):
            before = len(reached)
            for link in links:
                if reached.intersection(link):
                    reached.update(link)
        if component := tuple(number for number in sorted(reached) if chat[number]):
            found.add(component)
    return found


@st.composite
def linked_logs(draw: st.DrawFn) -> tuple[list[bool], Links]:
    """Which of up to 30 lines are chat, and up to 40 links between them."""
    chat = draw(st.lists(st.booleans(), min_size=1, max_size=30))
    number = st.integers(0, len(chat) - 1)
    return chat, draw(st.lists(st.tuples(number, number), max_size=40))


@given(linked_logs())
@example(([True] * 30, [(n, n + 1) for n in range(29)]))
@example(([True] * 30, [(29 - n, 28 - n) for n in range(29)]))
def test_conversations_partition_the_linked_chat_lines(
    log: tuple[list[bool], Links],
) -> None:
    chat, links = log
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "log.raw.txt").write_text(
            "".join("[12:00] <ann> x\n" if is_chat else "===\n" for is_chat in chat)
        )
        (directory / "log.annotation.txt").write_text(
            "".join(f"{a} {b} -\n" for a, b in links)
        )
        conversations = read_log(*find_logs(directory)).conversations

    lines = [number for found in conversations for number in found.lines]
    linked = {number for link in links for number in link if chat[number]}
    assert sorted(linked) == sorted(lines)
    assert searched(chat, links) == {found.lines for found in conversations}
    firsts = [found.first_line for found in conversations]
    assert sorted(firsts) == firsts == [min(found.lines) for found in conversations]


# -- where logs lie ------------------------------------------------------------------


def test_logs_are_found_by_name_without_suffix_and_sorted(tmp_path: Path) -> None:
    for name in ("b", "a", "a-1", "a.train-c"):
        (tmp_path / f"{name}.raw.txt").touch()
    for other in ("README.md", ".hidden.raw.txt", ".raw.txt", "c.annotation.txt"):
        (tmp_path / other).touch()
    found = find_logs(tmp_path)
    assert [files.name for files in found] == ["a", "a-1", "a.train-c", "b"]
    expected = LogFiles(
        "a.train-c",
        tmp_path / "a.train-c.raw.txt",
        tmp_path / "a.train-c.annotation.txt",
    )
    assert expected == found[2]


def test_a_name_that_is_not_utf_8_can_be_printed_and_read(tmp_path: Path) -> None:
    for suffix in (b".raw.txt", b".annotation.txt"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9" + suffix)).touch()
    (log,) = read_all(tmp_path)
    assert log.name == "caf\ufffd"


# -- real logs -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "expected"),
    [("dev", (10, 330, 2_360, 258, 68)), ("train", (152, 9_185, 59_524, 5_319, 168))],
)
def test_the_documented_counts_of_the_corpus_come_out(
    irc: Path, part: str, expected: tuple[int, int, int, int, int]
) -> None:
    assert expected == counts(read_all(irc / part))


def test_the_example_logs_hold_what_they_are_meant_to_show() -> None:
    logs = read_all(EXAMPLES)
    names = ["2026-03-01_garden", "2026-03-08_kitchen", "2026-03-15_bicycles"]
    assert names == [log.name for log in logs]
    assert [len(log.conversations) for log in logs] == [8, 6, 7]
    assert counts(logs) == (3, 21, 85, 12, 8)


def test_the_example_logs_are_awkward_on_purpose() -> None:
    garden, kitchen, bicycles = read_all(EXAMPLES)
    starters = {found.starter for found in garden.conversations}
    assert {"marla", "Marla", "[bob]", "a|b", "nick{}", "x^_^"} < starters
    assert "J\ufffdrgen" in starters
    assert garden.lines[24].text == ""
    for log in (garden, kitchen, bicycles):
        assert any(line.action for line in log.lines.values())
        assert any("\ufffd" in line.text for line in log.lines.values())
        assert "Zoë" in {line.author for line in log.lines.values()}
