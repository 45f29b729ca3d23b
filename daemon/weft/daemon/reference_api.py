"""``docs/api/``: what the public names say of themselves, a page for each room.

``python -m weft.daemon.reference_api docs/api`` makes the pages again; a test compares.

Guarantees: what stands in a room's ``__all__`` is there and nothing else; signatures
are as in the source; inherited methods are shown where they are used.
"""

import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final, get_args

from weft.daemon.docstring import markdown
from weft.storage import SessionThreadException

__all__ = ["PAGES", "render"]

PAGES: Final = {
    "actors": "weft.actors",
    "storage": "weft.storage",
    "testing": "weft.actors.testing",
    "metrics": "weft.metrics",
    "langgraph": "weft.integrations.langgraph",
    "openai-agents": "weft.integrations.openai_agents",
    "google-adk": "weft.integrations.google_adk",
    "cluster": "weft.cluster",
    "client": "weft.daemon.client",
}
"""The page of each public module."""

SIGNATURE_CHARACTERS_MAX: Final = 80
"""A longer one takes a line for each argument."""

_HEAD: Final = """\
# `{module}`

<!-- Made by `python -m weft.daemon.reference_api docs/api`; edit the docstrings. -->
<!-- page: not run: fragments of docstrings, which lean on what is around them -->

{words}

"""

_Node = ast.FunctionDef | ast.AsyncFunctionDef


def render(page: str) -> str:
    """Return a page.

    Args:
        page: its name, one of ``PAGES``.
    """
    module = importlib.import_module(PAGES[page])
    head = _HEAD.format(module=module.__name__, words=markdown(module.__doc__ or ""))
    names = sorted(module.__all__, key=str.lower)
    listed = ",\n".join(_linked(names))
    return head + listed + "\n\n" + "\n".join(_shown(module, name) for name in names)


def _linked(names: list[str]) -> Iterator[str]:
    """Yield links to the headings; the second of two that differ in case gets a -1."""
    seen: set[str] = set()
    for name in names:
        place = name.lower()
        yield f"[`{name}`](#{place}{'-1' if place in seen else ''})"
        seen.add(place)


def _shown(module: ModuleType, name: str) -> str:
    thing = getattr(module, name)
    parts = [f"## {name}\n"]
    if inspect.isclass(thing):
        parts += _class(name, thing)
    elif inspect.isfunction(thing):
        parts += [_function(name, thing)]
    else:
        parts += [_constant(name, thing)]
    return "\n".join(parts)


def _class(name: str, kind: type) -> Iterator[str]:
    bases = ", ".join(_bases(kind))
    yield f"`class {name}({bases})`\n" if bases else f"`class {name}`\n"
    words = vars(kind).get("__doc__") or ""
    yield markdown(words) + "\n"
    if "see the module" in words:
        yield markdown(sys.modules[kind.__module__].__doc__ or "") + "\n"
    if issubclass(kind, SessionThreadException):
        yield f"Remedy: {kind.remedy} See [errors](../errors.md).\n"
    fields = list(_fields(kind))
    if fields:
        yield "Fields: " + ", ".join(f"`{field}`" for field in fields) + "\n"
    for owner, node in _members(kind):
        yield _method(name, owner, node)


def _bases(kind: type) -> Iterator[str]:
    for base in kind.__bases__:
        room = base.__module__.partition(".")[0]
        if base is not object and not base.__name__.startswith("_"):
            plain = room in {"weft", "builtins", "typing", "abc"}
            yield base.__name__ if plain else f"{room}.{base.__name__}"


def _members(kind: type) -> Iterator[tuple[type, _Node]]:
    """Yield the public methods of a class, its own first, then the inherited ones."""
    seen: set[str] = set()
    for owner in kind.__mro__:
        if not owner.__module__.startswith("weft.") or owner is SessionThreadException:
            continue
        for node in _body(owner):
            if not isinstance(node, _Node) or node.name in seen:
                continue
            if _is_public(owner, node):
                seen.add(node.name)
                yield owner, node


def _is_public(owner: type, node: _Node) -> bool:
    hidden = node.name.startswith("_") or not hasattr(owner, node.name)
    return not hidden and not _decorated(node, "overload")


def _fields(kind: type) -> Iterator[str]:
    if not hasattr(kind, "__struct_fields__"):
        return
    for owner in reversed(kind.__mro__):
        if not owner.__module__.startswith("weft."):
            continue
        for node in _body(owner):
            if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(node):
                yield ast.unparse(node)


def _body(kind: type) -> list[ast.stmt]:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(node, ast.ClassDef)  # noqa: S101 - the source of a class
    return node.body


def _method(name: str, owner: type, node: _Node) -> str:
    member: Any = inspect.getattr_static(owner, node.name)
    words = markdown(ast.get_docstring(node) or "")
    if isinstance(member, property):
        returns = "" if node.returns is None else f": {ast.unparse(node.returns)}"
        return f"### {name}.{node.name}\n\n`{node.name}{returns}`\n\n{words}\n"
    skip = 0 if isinstance(member, staticmethod) else 1
    return f"### {name}.{node.name}\n\n{_signature(node, skip)}\n\n{words}\n"


def _decorated(node: _Node, name: str) -> bool:
    return any(ast.unparse(one) == name for one in node.decorator_list)


def _function(name: str, function: Any) -> str:
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    (node,) = ast.parse(source).body
    assert isinstance(node, _Node)  # noqa: S101 - the source of a function
    words = markdown(inspect.getdoc(function) or "")
    return f"{_signature(node, 0, name)}\n\n{words}\n"


def _signature(node: _Node, skip: int, name: str | None = None) -> str:
    """Return ``name(arguments) -> result``, in lines if it is long."""
    arguments = list(_arguments(node.args))[skip:]
    head = f"{'async ' * isinstance(node, ast.AsyncFunctionDef)}{name or node.name}"
    tail = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    line = f"{head}({', '.join(arguments)}){tail}"
    if len(line) <= SIGNATURE_CHARACTERS_MAX:
        return f"`{line}`"
    lines = [f"{head}(", *(f"    {one}," for one in arguments), f"){tail}"]
    return "\n".join(["```python", *lines, "```"])


def _arguments(given: ast.arguments) -> Iterator[str]:
    plain = [*given.posonlyargs, *given.args]
    missing = [None] * (len(plain) - len(given.defaults))
    for number, (one, default) in enumerate(
        zip(plain, [*missing, *given.defaults], strict=True), 1
    ):
        yield _argument(one, default)
        if number == len(given.posonlyargs):
            yield "/"
    if given.vararg or given.kwonlyargs:
        yield f"*{ast.unparse(given.vararg) if given.vararg else ''}"
    for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield _argument(one, default)
    if given.kwarg:
        yield f"**{ast.unparse(given.kwarg)}"


def _argument(one: ast.arg, default: ast.expr | None) -> str:
    if default is None:
        return ast.unparse(one)
    between = " = " if one.annotation else "="
    return f"{ast.unparse(one)}{between}{ast.unparse(default)}"


def _constant(name: str, thing: Any) -> str:
    if isinstance(thing, str | int | float):
        return f"`{name} = {thing!r}`\n"
    parts = get_args(thing)
    if parts:
        named = (f"`{getattr(part, '__name__', part)}`" for part in parts)
        return f"One of {', '.join(named)}.\n"
    kinds = sorted({type(one).__name__ for one in thing})
    return f"`{name}`, a {type(thing).__name__} of `{'`, `'.join(kinds)}`.\n"


def main(directory: str) -> None:
    """Write all pages whose packages are installed."""
    for page in PAGES:
        try:
            text = render(page)
        except ModuleNotFoundError as error:
            sys.stderr.write(f"{page} stays as it is: {error}\n")
            continue
        path = Path(directory, f"{page}.md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
