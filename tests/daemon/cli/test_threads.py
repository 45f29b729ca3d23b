"""``weft threads``, ``run`` and ``stream``: a thread's whole life."""

import io
import sys
from pathlib import Path

import pytest

from tests.daemon.cli.conftest import Daemon, Weft

pytestmark = pytest.mark.usefixtures("daemon")


def test_threads_are_created_all_or_none(weft: Weft) -> None:
    create = ("threads", "create", "--session", "t1")
    assert 66 == weft(*create, "a").code
    made = weft(*create, "--create", "a", "b", "-o", "json")
    assert ["a", "b"] == [row["thread_name"] for row in made.json]
    taken = weft(*create, "c", "a")
    assert (65, "") == (taken.code, taken.out)
    listed = weft("threads", "ls", "--session", "t1", "-o", "jsonl")
    assert ["a", "b"] == [line["thread_name"] for line in listed.lines]


def test_a_thread_is_found_by_id_or_by_name_in_its_session(
    daemon: Daemon, weft: Weft
) -> None:
    weft("threads", "create", "named", "--session", "t2", "--create")
    by_name = weft("threads", "show", "named", "--session", "t2", "-o", "json")
    thread_id = by_name.json["thread_id"]
    assert by_name == weft("threads", "show", thread_id, "-o", "json")
    direct = ("--data", daemon.data, "-o", "json")
    assert by_name == weft("threads", "show", thread_id, *direct)
    assert by_name == weft("threads", "show", "named", "--session", "t2", *direct)
    for where in ((), ("--data", daemon.data)):
        missing = weft("threads", "show", "nowhere", *where)
        assert 66 == missing.code
        assert missing.err.startswith("weft: There is no thread 'nowhere'.")


def test_ids_with_odd_characters_arrive(weft: Weft) -> None:
    for session_id in ("a/b", "a b?c#d%2F", "ünï", ".", ".."):
        assert 0 == weft("sessions", "create", session_id).code
        shown = weft("sessions", "show", session_id, "-o", "json")
        assert session_id == shown.json["session_id"]


def test_a_thread_moves_is_renamed_and_its_past_is_told(weft: Weft) -> None:
    weft("threads", "create", "notes", "--session", "t3", "--create")
    move = ("threads", "mv", "notes", "--session", "t3", "--to", "t4")
    planned = weft(*move, "--dry-run")
    assert "from t3 to t4" in planned.out
    assert 66 == weft(*move).code
    assert "past owner  t3 until" in weft(*move, "--create").out
    assert 0 == weft("threads", "rename", "notes", "minutes", "--session", "t4").code
    log = weft("threads", "log", "minutes", "--session", "t4", "-o", "jsonl")
    kinds = [line["kind"] for line in log.lines if line["outcome"] == "applied"]
    assert ["CreateThreads", "TransferThreads", "RenameThread"] == kinds


def test_removing_tells_how_many_and_asks(weft: Weft) -> None:
    weft("threads", "create", "x", "y", "--session", "t5", "--create")
    assert 2 == weft("threads", "rm", "x", "y", "--session", "t5").code
    assert 66 == weft("threads", "rm", "x", "z", "--session", "t5", "--yes").code
    planned = weft("threads", "rm", "x", "y", "--session", "t5", "--dry-run")
    assert 2 == planned.out.count("would remove")
    assert 2 == len(weft("threads", "ls", "--session", "t5", "-o", "json").json)
    removed = weft("threads", "rm", "x", "y", "--session", "t5", "--yes")
    assert "weft: removed 2 threads.\n" == removed.err
    weft("threads", "create", "x", "--session", "t5")
    waiting = ("--if-running", "wait", "--yes", "--quiet")
    assert 0 == weft("threads", "rm", "x", "--session", "t5", *waiting).code
    assert [] == weft("threads", "ls", "--session", "t5", "-o", "json").json


# -- running -------------------------------------------------------------------------


def test_a_run_prints_its_result_and_a_stream_each_state(
    daemon: Daemon, weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_thread = ("counter", "--session", "r1")
    create = ("--create", "--workflow", "count")
    assert {"counted": 3} == weft("run", *of_thread, '{"to": 3}', *create).json
    (tmp_path / "in.json").write_text('{"to": 2}')
    given = weft("stream", *of_thread, f"@{tmp_path}/in.json")
    assert [{"counted": 1}, {"counted": 2}] == given.lines
    assert given.err.startswith("weft: run ")
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"to": 4}'))
    assert {"counted": 4} == weft("run", *of_thread).json
    states = weft("threads", "history", *of_thread, "--limit", 2, "-o", "json")
    values = [state["values"] for state in states.json]
    assert [{"counted": 4}, {"counted": 3}] == values
    direct = ("--limit", 2, "-o", "json", "--data", daemon.data)
    assert states == weft("threads", "history", *of_thread, *direct)


@pytest.mark.parametrize("command", ["run", "stream"])
def test_a_workflow_that_fails_is_a_sentence_and_exit_code_70(
    weft: Weft, command: str
) -> None:
    create = ("--session", "r2", "--create", "--workflow", "fail")
    failed = weft(command, command, "{}", *create)
    assert 70 == failed.code
    assert "no luck" in failed.err


@pytest.mark.parametrize("text", ["[1]", "{", "3"])
def test_input_that_is_no_object_is_wrong_usage(weft: Weft, text: str) -> None:
    assert 2 == weft("run", "any", text, "--session", "r3").code
