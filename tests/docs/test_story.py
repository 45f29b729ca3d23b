"""What a page shows is compared, and what does not work is noticed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.page import Command, shown, typed
from tests.docs.story import Story, is_shown

FENCE = "```"


@pytest.fixture
def story(tmp_path: Path, bin_directory: Path) -> Iterator[Story]:
    """Return a story of a page that has no name of its own."""
    directory = tmp_path / "reader"
    directory.mkdir()
    story = Story(tmp_path / "page.md", directory, bin_directory)
    yield story
    story.abandon()


def check(story: Story, *blocks: tuple[str, str]) -> None:
    """Check a page of these blocks; a language may have a mark before it."""
    lines = []
    for language, text in blocks:
        mark, _, plain = language.rpartition("|")
        lines += [f"<!-- test: {mark} -->"] if mark else [""]
        lines += [f"{FENCE}{plain}", text, FENCE]
    story.page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for block in shown(story.page):
        story.check(block)
    story.check_end()


@pytest.mark.parametrize(
    ("expected", "actual"),
    [("a", "a\n"), ("a...d\n", "a b\nc d"), ("a  \nb", "a\nb   ")],
)
def test_an_output_is_the_one_that_is_shown(expected: str, actual: str) -> None:
    assert is_shown(expected, actual)


@pytest.mark.parametrize(("expected", "actual"), [("a", "b"), ("a", "a b"), ("1", "2")])
def test_another_output_is_not(expected: str, actual: str) -> None:
    assert not is_shown(expected, actual)


def test_numbers_may_vary() -> None:
    assert is_shown("1,009 a second   x", "7 a second x", numbers_vary=True)
    assert not is_shown("1,009 a second", "many a second", numbers_vary=True)


def test_commands_have_their_outputs_and_go_on_over_lines() -> None:
    text = "$ one \\\n    --two\nout\nout\n$ three\n"
    assert [Command("one \\\n    --two", "out\nout"), Command("three", "")] == typed(
        text
    )


def test_blocks_share_a_namespace_and_show_what_they_print(story: Story) -> None:
    check(
        story,
        ("python", "a = 1"),
        ("file flows.py|python", "b = 2"),
        ("python", "from flows import b\nprint(a + b)"),
    )


def test_a_block_alone_shares_nothing(story: Story) -> None:
    with pytest.raises(AssertionError, match="NameError"):
        check(story, ("python", "a = 1"), ("alone|python", "print(a)"))


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([("python", "assert 1 == 2")], "AssertionError"),
        ([("python", "raise SystemExit")], "SystemExit"),
        ([("console", "$ exit 3")], "exit 3"),
        ([("console", "$ echo a\nb")], "should show"),
        ([("json", "{")], "Expecting"),
        ([("toml", "a = ")], "Invalid value"),
        ([("python", "import sys; sys.stderr.write('hm')")], "hm"),
        ([("ruby", "puts 1")], "say in which"),
    ],
)
def test_what_does_not_work_is_noticed(
    story: Story, blocks: list[tuple[str, str]], words: str
) -> None:
    with pytest.raises((AssertionError, ValueError), match=words):
        check(story, *blocks)


def test_text_behind_python_is_what_it_prints(story: Story) -> None:
    fences = f"{FENCE}python\nprint(1)\n{FENCE}\n\n{FENCE}text\n2\n{FENCE}\n"
    story.page.write_text(fences, encoding="utf-8")
    python, text = shown(story.page)
    story.check(python)
    with pytest.raises(AssertionError, match="and not"):
        story.check(text)


def test_what_is_not_run_is_not_run(story: Story) -> None:
    check(story, ("not run: it fails|console", "$ exit 3"))
