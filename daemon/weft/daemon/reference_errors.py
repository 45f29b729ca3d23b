"""``docs/errors.md``: every error there is, what it means and what to do about it.

``python -m weft.daemon.reference_errors > docs/errors.md`` makes it again; a test
compares. What the page says stands in the classes: their first sentence, their remedy,
``http_status`` and ``exit_code``.
"""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Final

import weft.actors
import weft.cluster
import weft.daemon.client
import weft.storage
from weft.daemon.failures import EXIT_CODES
from weft.storage import SessionThreadException

__all__ = ["ROOMS", "errors_of", "render"]

ROOMS: Final[tuple[tuple[str, ModuleType], ...]] = (
    ("Sessions, threads and the store", weft.storage),
    ("Actors and events", weft.actors),
    ("A client and its daemon", weft.daemon.client),
    ("Past one machine", weft.cluster),
)

_HEAD: Final = """\
# Errors

<!-- Made by `python -m weft.daemon.reference_errors`; edit the classes instead. -->

An error is a class, a sentence, data and a remedy. All of them are
`SessionThreadException`, so one `except` finds them all, and carry what they are about:

```python
from weft.actors import Runtime
from weft.storage import NameTaken, SessionThreadException

with Runtime.open("./weft-data") as runtime:
    alice = runtime.session("alice")
    alice.create_thread("notes").get(timeout=5)
    try:
        alice.create_thread("notes", op_id="my-key").get(timeout=5)
    except NameTaken as error:
        print(error)
        assert ("alice", "my-key") == (error.session_id, error.op_id)
        assert isinstance(error, SessionThreadException)
```

```text
Session 'alice' has a thread 'notes'. Choose another name, or ...
```

- `session_id`, `thread_id`, `op_id`, `cause` and `details` are on every one of them;
  `weft.actors.error_fields(error)` makes plain data of them for a log.
- A refusal changed nothing. After `DeadlineExceeded`, `ActorCrashed`,
  `DaemonUnreachable` and what has `details["in_doubt"]` the operation may have been
  applied: repeat it under the same `op_id` to learn the truth.
- A refusal is stored: repeating the operation under its `op_id` gives it again. To try
  anew, take a new `op_id`.
- `Overloaded` and `ActorQuarantined` say when to come again: `retry_after_s`.
- What a workflow raised is the `cause` of a `WorkflowExecutionError`.
- All of them can be pickled.
- Over HTTP an error is a problem as RFC 9457 has it: `status` is the column HTTP,
  `code` the name of the class, `detail` the sentence and the remedy. The Python client
  raises the class again. A command ends with the exit code.
"""

_OTHER_STATUS: Final = """
401 and 403 answer tokens; 400, 408, 413, 415 and 429 requests that cannot be read, are
too large, slow or many; 404 and 405 also stand for paths that are not there, 501 for
what this version does not do. A 500 without `code` is a defect of Weft: its log has
more.
"""


def errors_of(module: ModuleType) -> list[type[SessionThreadException]]:
    """Return the errors that a module makes public, in alphabetical order."""
    public = (getattr(module, name) for name in sorted(module.__all__))
    return [one for one in public if _is_error(one)]


def _is_error(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, SessionThreadException)


def render() -> str:
    """Return the page."""
    tables = [_table(title, module) for title, module in ROOMS]
    return "\n".join([_HEAD, *tables, _by_status(), _exit_codes()])


def _table(title: str, module: ModuleType) -> str:
    lines = [
        f"## {title}",
        "",
        f"`from {module.__name__} import ...`",
        "",
        "| error | what happened | what to do | HTTP | exit | is also |",
        "| --- | --- | --- | --- | --- | --- |",
        *map(_row, errors_of(module)),
        "",
    ]
    return "\n".join(lines)


def _row(error: type[SessionThreadException]) -> str:
    cells = [
        ", ".join([f"`{error.__name__}`", *_data(error)]),
        (error.__doc__ or "").split("\n", 1)[0],
        error.remedy,
        str(error.http_status),
        str(error.exit_code),
        ", ".join(f"`{base.__name__}`" for base in _bases(error)),
    ]
    return f"| {' | '.join(cells)} |"


def _data(error: type[SessionThreadException]) -> Iterator[str]:
    own = (
        vars(kind) for kind in error.__mro__ if kind in SessionThreadException.__mro__
    )
    known = {name for names in own for name in names}
    for kind in error.__mro__:
        for name, value in vars(kind).items():
            if isinstance(value, property) and name not in known:
                yield f"`.{name}`"


def _bases(error: type[SessionThreadException]) -> list[type]:
    plain = {SessionThreadException, *SessionThreadException.__mro__}
    return [
        base
        for base in error.__mro__[1:]
        if base not in plain
        and not base.__name__.startswith("_")
        and base is not OSError  # of TimeoutError, which says more
    ]


def _by_status() -> str:
    names: dict[int, list[str]] = {}
    for _, module in ROOMS:
        for error in errors_of(module):
            names.setdefault(error.http_status, []).append(error.__name__)
    lines = ["## By status of HTTP", "", "| status | errors |", "| --- | --- |"]
    for status, found in sorted(names.items()):
        shown = ", ".join(f"`{name}`" for name in found)
        lines.append(f"| {status} | {shown} |")
    return "\n".join([*lines, _OTHER_STATUS])


def _exit_codes() -> str:
    lines = ["## Exit codes", "", "| code | what it means |", "| --- | --- |"]
    rows = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES]
    return "\n".join([*lines, *rows, ""])


if __name__ == "__main__":
    sys.stdout.write(render())
