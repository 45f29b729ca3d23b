"""Daemons in processes of their own, for a page to look at."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.daemon.asking import url_in
from tests.daemon.child import DEADLINE_S, first_line, weft

APP = "tests.daemon.page.page_app:workflows"


class Api(httpx.Client):
    """A client of the daemon: makes what is to be seen, and sees what was done."""

    @property
    def url(self) -> str:
        """Where the daemon answers."""
        return str(self.base_url).rstrip("/")

    def made(self, path: str, **body: Any) -> Any:
        """Post a body; return what was made."""
        return self.post(path, json=body).raise_for_status().json()

    def seen(self, path: str, **query: Any) -> Any:
        """Return what lies at a path."""
        return self.get(path, params=query).raise_for_status().json()

    def session(self, session_id: str, *names: str, **more: Any) -> dict[str, str]:
        """Make a session with threads that count; return their ids by name."""
        self.made("/sessions", session_id=session_id, **more)
        if not names:
            return {}
        threads = [{"name": name, "workflow": "count"} for name in names]
        made = self.made(f"/sessions/{session_id}/threads", threads=threads)
        ids: dict[str, str] = made["threads"]
        return ids

    def run(self, thread_id: str, **config: Any) -> Any:
        """Run a thread's workflow to its end."""
        return self.made(f"/threads/{thread_id}/executions", config=config)

    def names(self, session_id: str) -> list[str]:
        """Return the names of a session's threads."""
        threads = self.seen(f"/sessions/{session_id}/threads")["threads"]
        return [thread["thread_name"] for thread in threads]


@contextmanager
def served(
    data: Path,
    *flags: object,
    port: int = 0,
    token: str = "",
    killed: bool = False,
) -> Iterator[Api]:
    """Serve a data directory in a child for the time of a with block.

    Args:
        data: the directory.
        flags: further ones of ``weft serve``.
        port: where to listen on 127.0.0.1; 0 for any.
        token: what the client shows.
        killed: whether it is killed at the end, not asked to stop.
    """
    where = ("--data", data, "--listen", f"127.0.0.1:{port}", "--log-level", "error")
    with weft("serve", "--app", APP, *where, *flags) as child:
        url = url_in(first_line(child))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with Api(base_url=url, headers=headers, timeout=DEADLINE_S) as api:
            yield api
        (child.kill if killed else child.terminate)()
        child.wait(DEADLINE_S)
