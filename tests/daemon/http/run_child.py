"""Daemons in processes of their own, which are killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.daemon.child import first_line, weft
from tests.daemon.http.run_support import TIMEOUT_S, Client

APP = "tests.daemon.http.run_app"


@contextmanager
def killed_at_the_end(
    data: Path, attribute: str = "workflows", port: int = 0
) -> Iterator[Client]:
    """Serve in a child for the time of a with block, and kill it then."""
    where = ("--data", data, "--listen", f"127.0.0.1:{port}")
    with weft("serve", "--app", f"{APP}:{attribute}", *where) as child:
        words = first_line(child).split()
        url = next(word for word in words if word.startswith("http://"))
        with Client(base_url=url, timeout=TIMEOUT_S) as client:
            yield client
            child.kill()
            child.wait(TIMEOUT_S)
