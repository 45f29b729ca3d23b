"""A Python in which the blocks of one page are executed, one after the other.

Started as a script with the page's path. Reads a JSON line for each block, ``{"line",
"text"}``, and answers with one, ``{"printed", "error"}``. The blocks share a namespace,
which is ``__main__``, and tracebacks name the lines of the page.
"""

import contextlib
import io
import json
import linecache
import sys
import traceback
from typing import Any


def execute(
    page: str, line: int, text: str, namespace: dict[str, Any]
) -> dict[str, Any]:
    """Execute a block; return what it printed and how it failed."""
    name = f"{page}:{line}"
    source = "\n" * (line - 1) + text
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    printed, error = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(source, name, "exec"), namespace)  # noqa: S102 - our own page
        except BaseException:  # noqa: BLE001 - SystemExit, too, is not what is shown
            error = traceback.format_exc()
    return {"printed": printed.getvalue(), "error": error}


def main(page: str) -> None:
    """Answer until there are no more blocks."""
    sys.path[0] = ""  # the page's directory, as for who types it
    answers, namespace = sys.stdout, vars(sys.modules["__main__"])
    for asked in sys.stdin:
        answer = execute(page, **json.loads(asked), namespace=namespace)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
