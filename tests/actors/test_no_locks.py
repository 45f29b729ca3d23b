"""No lock in message handling: every module of weft.actors and the rules is read.

A lock in a handler would let one actor wait for another, which the whole design
excludes. What is allowed is named below, with the reason.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
MODULES: Final = [
    *sorted((ROOT / "actors/weft/actors").rglob("*.py")),
    *sorted((ROOT / "storage/weft/storage").glob("rules*.py")),
]

FORBIDDEN: Final = frozenset(
    {
        "Barrier",
        "BoundedSemaphore",
        "Condition",
        "Event",
        "JoinableQueue",
        "LifoQueue",
        "Lock",
        "LockType",
        "PriorityQueue",
        "Queue",
        "RLock",
        "Semaphore",
        "allocate",
        "allocate_lock",
    }
)
MODULES_OF_LOCKS: Final = frozenset(
    {
        "_thread",
        "asyncio",
        "asyncio.locks",
        "asyncio.queues",
        "multiprocessing",
        "multiprocessing.queues",
        "multiprocessing.synchronize",
        "queue",
        "threading",
    }
)

ALLOWED: Final = {
    ("actor.py", "Event"): "the type of the stop flag, which Pykka makes and documents",
    ("hand_off.py", "Lock"): "an OS thread outside waits for a finished future on it",
}


class LockFinder(ast.NodeVisitor):
    """Collects every spelling of a forbidden name, with its line."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []
        self._own: set[str] = set()

    def visit_Module(self, node: ast.Module) -> None:
        """Learn first which names are this project's own: a record named Event."""
        for child in ast.walk(node):
            if isinstance(child, ast.ClassDef):
                self._own.add(child.name)
            elif isinstance(child, ast.ImportFrom) and _is_own(child.module):
                self._own.update(alias.asname or alias.name for alias in child.names)
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if node.module in MODULES_OF_LOCKS and alias.name in {*FORBIDDEN, "*"}:
                self.found.append((node.lineno, alias.name))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        of_own = isinstance(node.value, ast.Name) and node.value.id in self._own
        if node.attr in FORBIDDEN and not of_own:
            self.found.append((node.lineno, node.attr))
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in FORBIDDEN - self._own:
            self.found.append((node.lineno, node.id))

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "getattr":
            for argument in node.args:
                if isinstance(argument, ast.Constant) and argument.value in FORBIDDEN:
                    self.found.append((node.lineno, str(argument.value)))
        self.generic_visit(node)


def _is_own(module: str | None) -> bool:
    return module is not None and module.split(".")[0] == "weft"


def locks_in(source: str) -> list[tuple[int, str]]:
    finder = LockFinder()
    finder.visit(ast.parse(source))
    return finder.found


def test_the_modules_are_found() -> None:
    assert {"actor.py", "cell.py", "dispatcher.py", "future.py"} <= {
        module.name for module in MODULES
    }


@pytest.mark.parametrize(
    "module", MODULES, ids=lambda module: str(module.relative_to(ROOT))
)
def test_a_module_has_no_lock(module: Path) -> None:
    found = [
        f"{module.name}:{line}: {name}"
        for line, name in locks_in(module.read_text())
        if (module.name, name) not in ALLOWED
    ]
    assert [] == found


def test_what_is_allowed_is_in_use() -> None:
    used = {
        (module.name, name)
        for module in MODULES
        for _, name in locks_in(module.read_text())
    }
    assert set(ALLOWED) == used & set(ALLOWED)


@pytest.mark.parametrize(
    "source",
    [
        "import threading\nlock = threading.Lock()",
        "import threading as t\nlock = t.RLock()",
        "from threading import Condition",
        "from threading import Semaphore as S",
        "from threading import *",
        "import threading\nmake = threading.BoundedSemaphore",
        "import asyncio\nevent = asyncio.Event()",
        "from asyncio import Lock",
        "from asyncio.locks import Lock as L",
        "import queue\njobs = queue.Queue()",
        "from queue import LifoQueue",
        "import _thread\nlock = _thread.allocate_lock()",
        "from _thread import allocate_lock as alloc",
        "import multiprocessing\nlock = multiprocessing.Lock()",
        "import threading\nlock = getattr(threading, 'Lock')()",
        "lock = __import__('threading').Lock()",
        "def f():\n    import threading\n    with threading.Lock():\n        pass",
        "import threading\nclass C:\n    flag: threading.Event",
        "lock = Lock()",
    ],
)
def test_a_planted_lock_is_found_in_each_spelling(source: str) -> None:
    assert locks_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "from weft.storage.records import Event\nevent = Event()",
        "from weft.storage import records\nevent = records.Event()",
        "class Condition:\n    pass\ncondition = Condition()",
        "import queue\njobs = queue.SimpleQueue()",
        "import threading\nlocal = threading.local()",
    ],
)
def test_what_is_no_lock_is_left_alone(source: str) -> None:
    assert [] == locks_in(source)
