"""Crons of a real daemon: what was due while it was down, and kill -9 in between."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.daemon.asking import ask, scrape, url_in
from tests.daemon.child import DEADLINE_S, environment, first_line, weft
from weft.actors import Runtime
from weft.daemon.cron_schedule import us_of
from weft.daemon.crons import Cron, Crons, Progress

GRACE_S = 86_400.0

APP = """
from weft.actors import workflow

@workflow
def greet(context, config):
    return "hello"

flows = [greet]
"""


def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that takes some milliseconds."""
    end_s = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < end_s


def plan(data: Path) -> None:
    """Keep a cron that was due an hour ago, and yesterday at that time."""
    now = datetime.now(UTC)
    hour_ago, before_us = now - timedelta(hours=1), us_of(now - timedelta(days=2))
    schedule = f"{hour_ago.minute} {hour_ago.hour} * * *"
    with Runtime.open(data) as runtime:
        thread = runtime.session("s").create_thread("t", workflow="greet")
        cron = Cron(
            cron_id="daily",
            payload={"assistant_id": "greet", "schedule": schedule},
            workflow="greet",
            schedule=schedule,
            thread_id=thread.get(timeout=DEADLINE_S).thread_id,
            from_us=before_us,
            created_at_us=before_us,
            updated_at_us=before_us,
        )
        asyncio.run(Crons(runtime.coordinator).put(cron))


def forget_progress(data: Path) -> None:
    """Leave the store as a crash before the progress was written would have."""
    with Runtime.open(data) as runtime:
        asyncio.run(Crons(runtime.coordinator).advance("daily", Progress()))


def test_kill_9_around_a_due_time_starts_one_run(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "flows.py").write_text(APP)
    plan(data)
    where = ("--data", data, "--listen", "127.0.0.1:0", "--app", "flows:flows")
    env = environment(WEFT_DAEMON__CRON_GRACE_S=str(GRACE_S))

    def fired(url: str) -> bool:
        return scrape(url)["weft_cron_times_total", "fired"] == 1

    found: list[Any] = []
    for _ in range(2):
        with weft("serve", *where, cwd=tmp_path, env=env) as child:
            url = url_in(first_line(child))
            until(partial(fired, url))
            threads = ask(f"{url}/sessions/s/threads").json["threads"]
            runs = ask(f"{url}/threads/{threads[0]['thread_id']}/executions").json
            found.append([run["run_id"] for run in runs["runs"]])
            child.kill()
            child.wait(DEADLINE_S)
        forget_progress(data)
    assert 1 == len(found[0])
    assert found[0] == found[1]


def test_a_daemon_with_crons_ends_when_it_is_told_to(tmp_path: Path) -> None:
    data = tmp_path / "data"
    plan(data)
    with weft("serve", "--data", data, "--listen", "127.0.0.1:0") as child:
        url = url_in(first_line(child))
        until(lambda: scrape(url)["weft_cron_times_total", "skipped"] == 1)
        child.terminate()
        assert 0 == child.wait(DEADLINE_S)
