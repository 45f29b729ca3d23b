"""``weft sessions``: from creating to closing, and every look in between."""

import pytest

from tests.daemon.cli.conftest import Daemon, Weft

pytestmark = pytest.mark.usefixtures("daemon")


def test_a_session_is_created_and_shown(weft: Weft) -> None:
    metadata = '{"plan": "free"}'
    made = weft(
        "sessions",
        "create",
        "ann",
        "--user",
        "u1",
        "--metadata",
        metadata,
        "-o",
        "json",
    )
    assert (0, "") == (made.code, made.err)
    assert {"plan": "free"} == made.json["metadata"]
    shown = weft("sessions", "show", "ann", "-o", "json")
    assert made.json | {"threads": []} == shown.json
    again = weft("sessions", "create", "ann")
    assert 65 == again.code
    assert "Session 'ann' exists already." in again.err
    assert 0 == weft("sessions", "create", "ann", "--if-missing").code


def test_lists_are_sorted_and_the_same_from_daemon_and_directory(
    daemon: Daemon, weft: Weft
) -> None:
    for name in ("ls-b", "ls-a", "ls-c"):
        weft("sessions", "create", name, "--user", "lister")
    command = ("sessions", "ls", "--user", "lister", "-o", "jsonl")
    asked = weft(*command)
    assert ["ls-a", "ls-b", "ls-c"] == [line["session_id"] for line in asked.lines]
    assert asked == weft(*command, "--data", daemon.data)
    assert asked.lines == weft(*command[:-1], "json").json


def test_a_table_has_a_heading_and_a_line_each(weft: Weft) -> None:
    weft("sessions", "create", "tabled", "--user", "table-user")
    heading, line = weft("sessions", "ls", "--user", "table-user").out.splitlines()
    assert ["SESSION", "USER", "STATUS", "CREATED", "UPDATED"] == heading.split()
    assert ["tabled", "table-user", "open"] == line.split()[:3]
    nothing = weft("sessions", "ls", "--user", "nobody")
    assert (0, "", "weft: no sessions.\n") == nothing


def test_all_threads_of_a_session_move_as_one(weft: Weft) -> None:
    weft("threads", "create", "one", "two", "--session", "from", "--create")
    planned = weft("sessions", "mv", "from", "--to", "to", "--create", "--dry-run")
    assert 2 == planned.out.count("would move")
    assert 2 == len(weft("sessions", "show", "from", "-o", "json").json["threads"])
    moved = weft("sessions", "mv", "from", "--to", "to", "--create")
    assert (0, "", "weft: moved 2 threads to to.\n") == moved
    history = weft("sessions", "history", "from", "-o", "json").json
    assert [False, False] == [row["is_active"] for row in history]
    kinds = [
        line["kind"] for line in weft("sessions", "log", "to", "-o", "jsonl").lines
    ]
    assert 1 == len(kinds)


def test_closing_tells_how_much_it_destroys_and_asks(weft: Weft) -> None:
    weft("threads", "create", "a", "b", "c", "--session", "doomed", "--create")
    what = "This closes 1 session and removes 3 threads."
    assert f"{what}\n" == weft("sessions", "rm", "doomed", "--dry-run").out
    refused = weft("sessions", "rm", "doomed")
    assert 2 == refused.code
    assert f"{what} Say --yes" in refused.err
    assert 3 == len(weft("sessions", "show", "doomed", "-o", "json").json["threads"])
    assert 0 == weft("sessions", "rm", "doomed", "--yes", "--quiet").code
    assert "closed" == weft("sessions", "show", "doomed", "-o", "json").json["status"]


def test_closing_several_is_all_or_none(weft: Weft) -> None:
    weft("threads", "create", "a", "--session", "stays", "--create")
    failed = weft("sessions", "rm", "stays", "is-not-there", "--yes")
    assert 66 == failed.code
    assert "open" == weft("sessions", "show", "stays", "-o", "json").json["status"]


def test_threads_can_be_moved_before_a_session_is_closed(weft: Weft) -> None:
    weft("threads", "create", "kept", "--session", "old", "--create")
    weft("sessions", "create", "new")
    assert 0 == weft("sessions", "rm", "old", "--move-to", "new", "--yes").code
    (thread,) = weft("sessions", "show", "new", "-o", "json").json["threads"]
    assert "kept" == thread["thread_name"]
