"""The style rules hold everywhere, and each of them can fail."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.house import source_rules as rules
from tests.house.project import python_files, rooms, told

LIBRARY_RULES = [
    rules.has_a_docstring,
    rules.is_short,
    rules.has_short_functions,
    rules.swallows_nothing,
    rules.names_what_it_ignores,
]
TEST_RULES = [
    rules.has_short_functions,
    rules.never_sleeps,
    rules.asserts_something,
    rules.names_what_it_ignores,
]
OTHER_RULES = [rules.has_short_functions, rules.names_what_it_ignores]

# Put together here, for the rules read this file, too.
NO_QA = "# no" + "qa"
IGNORE = "# type: " + "ignore"


Broken = dict[rules.Rule, list[str]]
"""`file:line sentence` for each place that breaks a rule."""


def broken(repository: Path, kept: Sequence[rules.Rule], *tops: str) -> Broken:
    """Return which places in these folders break which rule; each file is read once."""
    found: Broken = {rule: [] for rule in kept}
    for path in python_files(repository, *tops):
        source = (repository / path).read_text(encoding="utf-8")
        for rule in kept:
            found[rule] += [f"{path}:{one.line} {one.sentence}" for one in rule(source)]
    return found


@pytest.fixture(scope="module")
def in_the_library(repository: Path) -> Broken:
    return broken(repository, LIBRARY_RULES, *rooms(repository))


@pytest.fixture(scope="module")
def in_the_tests(repository: Path) -> Broken:
    return broken(repository, TEST_RULES, "tests")


@pytest.fixture(scope="module")
def elsewhere(repository: Path) -> Broken:
    return broken(repository, OTHER_RULES, "bench", "examples")


@pytest.mark.parametrize("rule", LIBRARY_RULES)
def test_the_library_keeps_the_rule(rule: rules.Rule, in_the_library: Broken) -> None:
    found = in_the_library[rule]
    assert not found, told("mend these places", found)


@pytest.mark.parametrize("rule", TEST_RULES)
def test_the_tests_keep_the_rule(rule: rules.Rule, in_the_tests: Broken) -> None:
    found = in_the_tests[rule]
    assert not found, told("mend these places", found)


@pytest.mark.parametrize("rule", OTHER_RULES)
def test_examples_and_benchmarks_keep_the_rule(
    rule: rules.Rule, elsewhere: Broken
) -> None:
    found = elsewhere[rule]
    assert not found, told("mend these places", found)


LONG_FILE = "\n" * (rules.FILE_LINES_MAX + 1)
LONG_FUNCTION = "def f():\n" + "    g()\n" * rules.FUNCTION_LINES_MAX


@pytest.mark.parametrize(
    ("rule", "line", "source"),
    [
        (rules.has_a_docstring, 1, "x = 1\n"),
        (rules.is_short, rules.FILE_LINES_MAX + 1, LONG_FILE),
        (rules.has_short_functions, 1, LONG_FUNCTION),
        (rules.has_short_functions, 1, "async " + LONG_FUNCTION),
        (rules.swallows_nothing, 3, "try:\n  f()\nexcept:\n  raise\n"),
        (rules.swallows_nothing, 3, "try:\n  f()\nexcept OSError:\n  pass\n"),
        (rules.swallows_nothing, 3, "try:\n  f()\nexcept OSError:\n  ...\n"),
        (rules.never_sleeps, 2, "import time\ntime.sleep(1)\n"),
        (rules.never_sleeps, 2, "import time as t\nt.sleep(1)\n"),
        (rules.never_sleeps, 2, "from time import sleep as nap\nnap(1)\n"),
        (rules.never_sleeps, 2, "import asyncio\nasyncio.sleep(0)\n"),
        (rules.asserts_something, 1, "def test_x():\n    compare(1, 2)\n"),
        (rules.asserts_something, 2, "class T:\n  def test_x(self): self.call()\n"),
        (rules.asserts_something, 1, "async def test_x():\n    await told()\n"),
        (rules.names_what_it_ignores, 1, f"import x  {NO_QA}\n"),
        (rules.names_what_it_ignores, 1, f"import x  {IGNORE}\n"),
        (rules.names_what_it_ignores, 1, f"import x  {IGNORE}  # why\n"),
    ],
)
def test_a_rule_finds_what_it_is_there_for(
    rule: rules.Rule, line: int, source: str
) -> None:
    assert [line] == [finding.line for finding in rule(source)]


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (rules.has_a_docstring, '"""What it is for."""\n'),
        (rules.is_short, LONG_FILE[:-1]),
        (rules.has_short_functions, LONG_FUNCTION.removesuffix("    g()\n")),
        (rules.swallows_nothing, "try:\n  f()\nexcept OSError:\n  count += 1\n"),
        (rules.never_sleeps, "import time\ntime.monotonic()\nclock.sleep(1)\n"),
        (rules.asserts_something, "def test_x():\n    assert f()\n"),
        (rules.asserts_something, "def test_x():\n  with pytest.raises(A): f()\n"),
        (rules.asserts_something, "def test_x():\n    expect(page).to_be_there()\n"),
        (rules.asserts_something, "def test_x():\n    check_ends_the_same(1)\n"),
        (rules.asserts_something, "def made():\n    compare(1, 2)\n"),
        (rules.names_what_it_ignores, f"import x  {NO_QA}: F401\n"),
        (rules.names_what_it_ignores, f"import x  {IGNORE}[import-untyped]\n"),
        (rules.names_what_it_ignores, f"x = '{NO_QA}'\n"),
    ],
)
def test_a_rule_leaves_good_source_alone(rule: rules.Rule, source: str) -> None:
    assert list(rule(source)) == []
