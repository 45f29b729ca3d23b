"""The style rules that matter, as functions from source text to findings.

A finding is a line number and a sentence that names the remedy. The rules need no
import of what they judge, so they work on a file that does not run.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

FILE_LINES_MAX: Final = 400
"""One noun, one module: at 400 lines there are two nouns in it."""
FUNCTION_LINES_MAX: Final = 70
"""What fits on a screen: the limit of TigerBeetle's style guide."""
SAYS_THAT_IT_ASSERTS: Final = re.compile(
    r"_*(assert|check|expect|refuse|raises$|warns$|fail)|.*_as_test$", re.IGNORECASE
)
"""How what asserts for a test is called; ``run_state_machine_as_test`` is
Hypothesis's."""
SLEEPS: Final = frozenset({"time.sleep", "asyncio.sleep"})

_NOQA: Final = re.compile(r"#\s*(?:ruff:\s*)?noqa\b(?!:\s*[A-Z]+[0-9]+)", re.IGNORECASE)
_TYPE_IGNORE: Final = re.compile(r"#\s*(?:type|pyright):\s*ignore\b(?!\[[a-zA-Z])")


class Finding(NamedTuple):
    """One place that breaks a rule."""

    line: int
    sentence: str


Rule = Callable[[str], Iterator[Finding]]


def has_a_docstring(source: str) -> Iterator[Finding]:
    """Find a module that does not say what it is for."""
    module = _nodes(source)[0]
    if not (isinstance(module, ast.Module) and ast.get_docstring(module)):
        yield Finding(1, "no docstring: say what the module is for and guarantees")


def is_short(source: str) -> Iterator[Finding]:
    """Find a file over the limit."""
    lines = len(source.splitlines())
    if lines > FILE_LINES_MAX:
        yield Finding(
            lines,
            f"{lines} lines, at most {FILE_LINES_MAX}: give one noun its own file",
        )


def has_short_functions(source: str) -> Iterator[Finding]:
    """Find functions over the limit, decorators not counted."""
    for node in _nodes(source):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            excess = f"{lines} lines, at most {FUNCTION_LINES_MAX}"
            yield Finding(node.lineno, f"{node.name} has {excess}: split it")


def swallows_nothing(source: str) -> Iterator[Finding]:
    """Find `except:` without a class and handlers that only pass."""
    for node in _nodes(source):
        if not isinstance(node, ast.ExceptHandler):
            continue
        if node.type is None:
            yield Finding(node.lineno, "bare except: name the exceptions you expect")
        if all(_does_nothing(statement) for statement in node.body):
            yield Finding(
                node.lineno,
                "a failure is swallowed: handle it, count it, or say with"
                " contextlib.suppress why it is none",
            )


def never_sleeps(source: str) -> Iterator[Finding]:
    """Find calls of `time.sleep` and `asyncio.sleep`, under any name."""
    if "sleep" not in source:
        return
    nodes = _nodes(source)
    names = _imported_names(nodes)
    for node in nodes:
        if isinstance(node, ast.Call) and _full_name(node.func, names) in SLEEPS:
            yield Finding(
                node.lineno,
                "a test sleeps: wait for an event, a barrier or a future with a"
                " deadline, or move a virtual clock",
            )


def asserts_something(source: str) -> Iterator[Finding]:
    """Find tests that neither assert nor call a function whose name says that it does.

    A function beside the test that asserts in the end is not seen through: its name
    is what people read as well.
    """
    for node in _nodes(source):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("test_") and not any(map(_asserts, ast.walk(node))):
            yield Finding(
                node.lineno,
                f"{node.name} asserts nothing that is seen: assert what it means, or"
                " call the helper assert_..., check_..., expect_..., refuse_...",
            )


def names_what_it_ignores(source: str) -> Iterator[Finding]:
    """Find `noqa` and `type: ignore` without a code."""
    if not any(map(_ignores_without_a_code, source.splitlines())):
        return  # a fiftieth of the time that its tokens take
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and _ignores_without_a_code(token.string):
            yield Finding(
                token.start[0],
                "an ignore without a code: write `noqa: X123` or `type: ignore[code]`",
            )


def _ignores_without_a_code(text: str) -> bool:
    return bool(_NOQA.search(text) or _TYPE_IGNORE.search(text))


@lru_cache(maxsize=1)  # the rules are asked one after the other about one file
def _nodes(source: str) -> tuple[ast.AST, ...]:
    """Return the nodes of a source's tree, the module first."""
    return tuple(ast.walk(ast.parse(source)))


def _asserts(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return isinstance(node, ast.Assert)
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else None
    name = called.id if isinstance(called, ast.Name) else name
    return name is not None and SAYS_THAT_IT_ASSERTS.match(name) is not None


def _does_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _imported_names(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """Map a local name to the full name of what was imported under it."""
    names: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {
                alias.asname or alias.name: f"{node.module}.{alias.name}"
                for alias in node.names
            }
    return names


def _full_name(function: ast.expr, names: dict[str, str]) -> str:
    if isinstance(function, ast.Name):
        return names.get(function.id, function.id)
    if isinstance(function, ast.Attribute):
        return f"{_full_name(function.value, names)}.{function.attr}"
    return ""
