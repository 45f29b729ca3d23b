"""``weft status``, ``doctor``, ``tree``, ``top``, ``ops``, ``check`` of a daemon."""

import re
from pathlib import Path

import msgspec
import pytest

from tests.daemon.child import DEADLINE_S
from tests.daemon.child import weft as child
from tests.daemon.cli.conftest import Daemon, Weft

pytestmark = pytest.mark.usefixtures("daemon")


def test_status_of_a_daemon_and_of_its_directory_agree(
    daemon: Daemon, weft: Weft
) -> None:
    weft("threads", "create", "a", "--session", "s1", "--create")
    asked = weft("status", "-o", "json")
    read = weft("status", "-o", "json", "--data", daemon.data)
    assert (0, True, None) == (asked.code, asked.json["ready"], asked.json["why_not"])
    assert f"unix://{daemon.socket}" == asked.json["place"]
    for name in ("threads", "associations", "operations"):
        now = asked.json[name]
        counted = {k: n for k, n in now.items() if n} if isinstance(now, dict) else now
        assert read.json[name] == counted
    assert re.search("^state +ready$", weft("status").out, re.MULTILINE)


def test_a_tree_shows_sessions_and_their_threads(daemon: Daemon, weft: Weft) -> None:
    made = weft(
        "threads", "create", "x", "y", "--session", "s2", "--create", "-o", "json"
    )
    first, last = (row["thread_id"] for row in made.json)
    drawn = f"s2\n├─ x  {first}  idle\n└─ y  {last}  idle\n"
    assert (0, drawn, "") == weft("tree", "s2")
    assert (0, drawn, "") == weft("tree", "s2", "--data", daemon.data)
    (branch,) = weft("tree", "s2", "-o", "json").json
    assert ["x", "y"] == [thread["thread_name"] for thread in branch["threads"]]
    assert 66 == weft("tree", "nobody").code


def test_the_log_can_be_filtered_and_followed(daemon: Daemon, weft: Weft) -> None:
    weft("sessions", "create", "s3")
    weft("sessions", "create", "s3")
    refused = weft("ops", "--session", "s3", "--refused", "-o", "jsonl").lines
    assert ["refused"] == [line["outcome"] for line in refused]
    assert "SessionExists" in weft("ops", "log", "--session", "s3").out
    (applied,) = (
        line
        for line in weft("ops", "--session", "s3", "-o", "json").json
        if line["outcome"] == "applied"
    )
    after = ("--after", applied["seq"] - 1, "--limit", 1)
    assert [applied] == weft("ops", *after, "-o", "json").json
    assert [applied] == weft("ops", *after, "-o", "json", "--data", daemon.data).json
    assert 2 == weft("ops", "--follow", "-o", "json").code


def test_the_log_is_followed_without_a_gap(daemon: Daemon, weft: Weft) -> None:
    weft("sessions", "create", "followed")
    follow = ("ops", "--session", "followed", "--follow", "--times", "1")
    with child(*follow, "-o", "jsonl", "--socket", daemon.socket) as follower:
        assert follower.stdout is not None
        listed = msgspec.json.decode(follower.stdout.readline())
        weft("threads", "create", "new", "--session", "followed")
        output, talk = follower.communicate(timeout=DEADLINE_S)
    (came,) = map(msgspec.json.decode, output.splitlines())
    assert ("CreateSession", "CreateThreads") == (listed["kind"], came["kind"])
    assert (0, "") == (follower.returncode, talk)


def test_top_tells_rates_and_the_hottest_sessions(weft: Weft) -> None:
    seen = weft("top", "--times", 2, "--interval", 0.1, "-o", "jsonl")
    first, second = seen.lines
    assert first["operations"]["per_second"] is None
    assert 0 == second["operations"]["per_second"]
    assert [] == second["hottest"]
    assert {"operation", "commit", "mailbox", "turn"} == set(second["latency_ms"])


def test_a_daemon_checks_and_repairs_itself(weft: Weft) -> None:
    weft("sessions", "create", "s4")
    assert "result        clean\n" in weft("check").out
    assert weft("check", "--session", "s4", "-o", "json").json["clean"]
    assert 66 == weft("check", "--session", "nobody").code
    assert 2 == weft("check", "--rate", 5).code
    assert weft("check", "--repair", "--dry-run", "-o", "json").json["dry_run"]
    assert weft("repair", "--session", "s4", "-o", "json").json["clean"]


def test_doctor_finds_what_is_well_and_what_is_not(
    daemon: Daemon, weft: Weft, tmp_path: Path
) -> None:
    well = weft("doctor", "-o", "json")
    assert {"ok"} == {finding["state"] for finding in well.json}
    assert 0 == weft("doctor", "--data", daemon.data).code
    ill = weft("doctor", "--data", tmp_path, "-o", "json")
    (found,) = (finding for finding in ill.json if finding["state"] != "ok")
    assert (1, f"weft fsck {tmp_path}") == (ill.code, found["remedy"])
    nobody = weft("doctor", "--socket", tmp_path / "none.sock")
    assert 1 == nobody.code
    assert "start one with `weft serve`" in nobody.out
