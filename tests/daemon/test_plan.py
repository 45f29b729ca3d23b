"""A plan says what a replay is going to do, and refuses what it cannot do."""

import os
import re
from pathlib import Path

import pytest

from tests.daemon.conftest import WriteLog
from weft.daemon.irc import find_logs, read_log
from weft.daemon.plan import BadName, ThreadPlan, line_count, plan_log, plan_logs
from weft.storage.ids import check_id

RAW = """\
[12:00] <ann> where is the rake?
[12:01] <bob> tea, anyone?
=== cy has joined
[12:02] <cy> behind the shed
[12:03]  * ann pours
[12:04] <dee> alone
"""
LINKS = "0 3 -\n1 4 -\n"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_a_log_is_a_session_and_a_conversation_a_thread(write_log: WriteLog) -> None:
    (log,) = plan_logs(write_log(RAW, LINKS))
    assert log.session_id == "garden"
    expected = (
        ThreadPlan("garden#0", "user:ann", 0, 3),
        ThreadPlan("garden#1", "user:bob", 1, 4),
    )
    assert expected == log.threads


def test_steps_are_the_lines_of_all_threads_in_the_order_of_the_file(
    write_log: WriteLog,
) -> None:
    (log,) = plan_logs(write_log(RAW, LINKS))
    steps = [(step.line.number, step.thread.thread_id) for step in log.steps]
    assert [(0, "garden#0"), (1, "garden#1"), (3, "garden#0"), (4, "garden#1")] == steps
    assert line_count([log, log]) == 8


def test_a_step_gives_its_run_the_line(write_log: WriteLog) -> None:
    (log,) = plan_logs(write_log(RAW, LINKS))
    expected = {
        "line": 4,
        "author": "ann",
        "time": "12:03",
        "text": "pours",
        "action": True,
    }
    assert expected == log.steps[-1].config


def test_a_log_without_conversations_is_a_session_all_the_same(
    write_log: WriteLog,
) -> None:
    (log,) = plan_logs(write_log(RAW))
    assert ("garden", (), ()) == (log.session_id, log.threads, log.steps)


def all_ids(directory: Path) -> list[str]:
    ids = []
    for log in plan_logs(directory):
        ids += [log.op_id, *(step.op_id for step in log.steps)]
        for thread in log.threads:
            ids += [thread.op_id("create"), thread.op_id("transfer")]
    return ids


def test_every_operation_has_an_id_of_its_own_made_of_the_input(
    write_log: WriteLog,
) -> None:
    write_log(RAW, LINKS)
    directory = write_log(
        RAW, LINKS, name="garden#0:3"
    )  # looks like a step of the other
    ids = all_ids(directory)
    assert "replay:garden#1:4" in ids
    assert len(set(ids)) == len(ids) == 18
    assert ids == all_ids(directory)


def test_an_id_that_would_be_too_long_is_hashed(write_log: WriteLog) -> None:
    directory = write_log(RAW, LINKS, name="\u00e9" * 49)  # 98 bytes, 100 with "#0"
    ids = all_ids(directory)
    assert all(UUID.fullmatch(op_id) for op_id in ids)
    assert len(set(ids)) == len(ids)
    assert ids == all_ids(directory)


def test_every_id_is_one_that_the_store_takes(irc: Path) -> None:
    ids = [step.op_id for log in plan_logs(irc / "dev") for step in log.steps]
    assert ids == [check_id(op_id) for op_id in ids]


# -- what is refused -----------------------------------------------------------------


def test_a_log_whose_name_is_too_long_for_a_thread_is_refused(
    write_log: WriteLog,
) -> None:
    directory = write_log(RAW, LINKS, name="x" * 99)
    with pytest.raises(BadName, match="101 UTF-8 bytes; 100 are allowed") as caught:
        plan_logs(directory)
    assert directory / f"{'x' * 99}.raw.txt" == caught.value.path
    assert caught.value.exit_code == os.EX_DATAERR
    assert str(caught.value).endswith("Shorten the name of its files.")


@pytest.mark.parametrize("nick", ["a\x02b", "x" * 96, "\u00e9" * 48, "nel\x85"])
def test_a_starter_that_cannot_be_an_id_is_refused_with_its_line(
    write_log: WriteLog, nick: str
) -> None:
    raw = f"[12:00] <ann> a\n[12:01] <{nick}> b\n[12:02] <ann> c\n"
    with pytest.raises(BadName, match=r"line 1 \(counted from 0\)"):
        plan_logs(write_log(raw, "1 2 -\n"))


def test_another_author_may_have_any_nick(write_log: WriteLog) -> None:
    raw = f"[12:00] <ann> a\n[12:01] <{'x' * 200}> b\n"
    (log,) = plan_logs(write_log(raw, "0 1 -\n"))
    assert len(log.steps) == 2


def test_a_log_named_like_a_user_is_refused(write_log: WriteLog) -> None:
    with pytest.raises(BadName, match="taken for that of the user 'ann'"):
        plan_logs(write_log(RAW, LINKS, name="user:ann"))


def test_two_logs_that_would_be_one_session_are_refused(logdir: Path) -> None:
    for name in (b"caf\xe8", b"caf\xe9"):
        for suffix in (b".raw.txt", b".annotation.txt"):
            Path(os.fsdecode(os.fsencode(logdir) + b"/" + name + suffix)).touch()
    with pytest.raises(BadName, match="another log that reads"):
        plan_logs(logdir)


def test_a_plan_can_be_made_of_a_log_in_hand(write_log: WriteLog) -> None:
    (files,) = find_logs(write_log(RAW, LINKS))
    assert plan_logs(files.raw.parent) == [plan_log(read_log(files), files.raw)]
