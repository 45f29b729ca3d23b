"""An hour of mixed load: memory, files and latency stay what they were.

``WEFT_HOUR_S`` says how long the hour is, 60 s if it does not. What is compared is the
last quarter with the second: in the first one caches fill.
"""

import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Event, Thread

import msgspec
import pytest

from tests.daemon.asking import ask, url_in
from tests.daemon.child import first_line, weft
from tests.daemon.http.mixed_load import User, at_the_end

HOUR_S = float(os.environ.get("WEFT_HOUR_S", "60"))
USERS = 6
LOOKS = 40

pytestmark = [pytest.mark.long, pytest.mark.timeout(HOUR_S + 240)]

never = Event()


class Look(msgspec.Struct):
    """The daemon at one moment, and what its users felt since the last one."""

    at_s: float
    anonymous_mb: float  # its own memory: what a leak would be in
    mapped_mb: float  # pages of the store's file, which the kernel takes back
    files: int
    os_threads: int
    p50_ms: float
    p99_ms: float
    scrape_ms: float


def look(pid: int, url: str, users: list[User], began_s: float) -> Look:
    status = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    took_s: list[float] = []
    for user in users:
        taken, user.took_s = user.took_s, []
        took_s += taken
    asked_s = time.perf_counter()
    assert 200 == ask(f"{url}/metrics").status
    scrape_ms = (time.perf_counter() - asked_s) * 1e3
    return Look(
        at_s=round(time.monotonic() - began_s, 1),
        anonymous_mb=int(status["RssAnon"].split()[0]) / 1024,
        mapped_mb=int(status["RssFile"].split()[0]) / 1024,
        files=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        os_threads=int(status["Threads"]),
        p50_ms=statistics.median(took_s) * 1e3,
        p99_ms=statistics.quantiles(took_s, n=100)[-1] * 1e3,
        scrape_ms=scrape_ms,
    )


def watched(pid: int, url: str, users: list[User]) -> list[Look]:
    """Look at the daemon again and again until the hour is over."""
    began_s, looks = time.monotonic(), []
    for number in range(1, LOOKS + 1):
        at_s = began_s + HOUR_S * number / LOOKS
        never.wait(max(0.0, at_s - time.monotonic()))
        assert [None] * USERS == [user.error for user in users]
        looks.append(look(pid, url, users, began_s))
    return looks


def drain(child: subprocess.Popen[str]) -> None:
    assert child.stderr is not None
    for line in child.stderr:
        sys.stderr.write(line)


def test_after_an_hour_it_is_as_it_was(tmp_path: Path) -> None:
    where = ("--data", tmp_path / "data", "--listen", "127.0.0.1:0")
    app = ("--app", "tests.daemon.http.run_app:workflows", "--check-interval", "60")
    with weft("serve", *where, *app) as child:
        url = url_in(first_line(child))
        Thread(target=drain, args=(child,), daemon=True).start()
        users = [User(url, number) for number in range(USERS)]
        for user in users:
            user.os_thread.start()
        looks = watched(child.pid, url, users)
        for user in users:
            user.stop()
        assert [None] * USERS == [user.error for user in users]
        at_the_end(url, users)
        json = {"content-type": "application/json"}
        report = ask(f"{url}/check", "POST", b"{}", json).json
        assert [] == report["inconsistencies"]
        child.terminate()
        assert 0 == child.wait(60)
    quarter = LOOKS // 4
    early, late = looks[quarter : 2 * quarter], looks[-quarter:]
    first, last = summary(early), summary(late)
    done = sum((user.done for user in users), Counter[str]())
    told = {"done": done, "second quarter": first, "last quarter": last}
    sys.stdout.write(f"{msgspec.json.encode(told).decode()}\n")
    assert last["anonymous_mb"] <= 1.1 * first["anonymous_mb"] + 16
    assert last["files"] <= first["files"] + USERS
    assert last["os_threads"] <= first["os_threads"] + USERS
    assert last["p50_ms"] <= 2 * first["p50_ms"] + 5


def summary(looks: list[Look]) -> dict[str, float]:
    """Return the middle of memory and latency, and the most of files and threads."""
    return {
        "anonymous_mb": round(statistics.median(x.anonymous_mb for x in looks), 1),
        "mapped_mb": round(statistics.median(x.mapped_mb for x in looks), 1),
        "files": max(each.files for each in looks),
        "os_threads": max(each.os_threads for each in looks),
        "p50_ms": round(statistics.median(each.p50_ms for each in looks), 2),
        "p99_ms": round(statistics.median(each.p99_ms for each in looks), 2),
        "scrape_ms": round(statistics.median(each.scrape_ms for each in looks), 2),
    }
