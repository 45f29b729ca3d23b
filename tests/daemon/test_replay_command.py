"""``weft replay`` as people and programs call it."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from tests.daemon.asking import ask, scrape, url_in
from tests.daemon.child import DEADLINE_S, first_line, run_weft, weft
from tests.daemon.conftest import WriteLog
from weft.daemon.main import run
from weft.daemon.replay_command import Options, replay
from weft.storage import LmdbStore, codec
from weft.storage.keys import COUNTERS_KEY, place

EXAMPLES = Path(__file__).parents[2] / "examples" / "logs"
QUIET = Options(as_json=True, quiet=True)

RAW = "[12:00] <ann> a\n[12:01] <bob> b\n"


def long_log(lines: int) -> tuple[str, str]:
    """Return a log that is one conversation, which takes about a millisecond a line."""
    raw = "".join(f"[12:00] <ann> line {n}\n" for n in range(lines))
    return raw, "".join(f"{n} {n + 1} -\n" for n in range(lines - 1))


def figures(output: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(output)
    return found


# -- what it prints ------------------------------------------------------------------


def test_the_example_logs_come_out_as_json(
    tmp_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(EXAMPLES, tmp_store, QUIET) == 0
    output, talk = capsys.readouterr()
    found = figures(output)
    assert talk == ""
    assert output.count("\n") == 1
    assert {
        "sessions": 15,
        "log_sessions": 3,
        "user_sessions": 12,
        "threads": 21,
        "states": 85,
        "transfers": 21,
        "operations": 3 + 2 * 21 + 2 * 85,
        "inconsistencies": 0,
    }.items() <= found.items()
    assert found["seconds"] > 0
    assert 0 < found["commit_groups"] <= found["operations"]
    assert found["mean_group_size"] >= 1


def test_a_second_replay_applies_nothing_and_says_so(tmp_store: Path) -> None:
    first = run_weft("replay", EXAMPLES, "--data", tmp_store)
    second = run_weft("replay", EXAMPLES, "--data", tmp_store)
    assert (0, 0) == (first.returncode, second.returncode)
    sentence = "Everything was there already: nothing was applied."
    assert sentence not in first.stdout
    assert sentence in second.stdout
    assert f"weft serve --data {tmp_store}" in second.stdout
    assert ("", "") == (first.stderr, second.stderr)


def test_the_data_directory_is_the_owners_alone(tmp_path: Path) -> None:
    assert replay(EXAMPLES, tmp_path / "new" / "data", QUIET) == 0
    mode = (tmp_path / "new" / "data").stat().st_mode
    assert mode & 0o777 == 0o700


def test_an_inconsistency_is_told_and_the_exit_code_is_1(
    tmp_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay(EXAMPLES, tmp_store, QUIET)
    spoil(tmp_store)
    capsys.readouterr()
    assert replay(EXAMPLES, tmp_store, QUIET) == 1
    assert figures(capsys.readouterr().out)["inconsistencies"] == 1
    assert replay(EXAMPLES, tmp_store, Options(quiet=True)) == 1
    assert "counter_mismatch: " in capsys.readouterr().out


def spoil(directory: Path) -> None:
    """Let a store count one state too many."""
    store = LmdbStore(directory)
    tree, key = place(COUNTERS_KEY)
    with store.read() as snapshot:
        counters = structs.replace(
            snapshot.counters, states=snapshot.counters.states + 1
        )
    with store._engine.write() as writing:
        writing.put_many(tree, [(key, codec.encode(tree, key, counters))])
    store.close()


# -- metrics -------------------------------------------------------------------------


def test_the_last_scrape_agrees_with_the_report(tmp_store: Path) -> None:
    # Its report does not fit into a pipe that is full, so the command waits there, and
    # serves, until somebody reads.
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    junk = 0
    try:
        while True:
            junk += os.write(write_end, b"\n" * 4096)
    except BlockingIOError:
        os.set_blocking(write_end, True)
    arguments = ("replay", EXAMPLES, "--data", tmp_store, "--json")
    with weft(*arguments, "--metrics", "127.0.0.1:0", stdout=write_end) as child:
        os.close(write_end)
        url = url_in(first_line(child))
        samples = scrape(url)
        while samples["weft_checks_total", ""] == 0:  # until the test's own deadline
            samples = scrape(url)
        assert ask(f"{url}/readyz").status == 200
        with os.fdopen(read_end, "rb") as pipe:
            found = figures(pipe.read().decode().strip())
        assert child.wait(DEADLINE_S) == 0
    applied = sum(
        number
        for (name, labels), number in samples.items()
        if name == "weft_operations_total" and labels.endswith(",applied")
    )
    expected = {
        "sessions": samples["weft_sessions", "open"],
        "threads": samples["weft_threads", "idle"],
        "states": samples["weft_states", ""],
        "operations": applied,
        "commit_groups": samples["weft_commit_group_operations_count", ""],
        "inconsistencies": samples["weft_check_findings_total", "log_gap"],
    }
    assert expected == {name: found[name] for name in expected}
    assert junk > 0
    assert applied == samples["weft_store_last_seq", ""]
    assert samples["weft_associations", ""] == 2 * found["transfers"]
    assert samples["weft_runs_finished_total", "success"] == found["states"]


def test_a_port_in_use_is_told_before_anything_is_touched(tmp_path: Path) -> None:
    arguments = ("--data", tmp_path / "data", "--metrics")
    with weft("serve", "--data", tmp_path / "other", "--listen", "127.0.0.1:0") as one:
        address = url_in(first_line(one)).removeprefix("http://")
        done = run_weft("replay", EXAMPLES, *arguments, address)
    assert done.returncode == os.EX_UNAVAILABLE
    assert "Address already in use" in done.stderr
    assert not (tmp_path / "data").exists()


# -- bad input -----------------------------------------------------------------------


def no_logs(logdir: Path) -> str:
    return f"{logdir}: holds no *.raw.txt file"


def broken_annotation(logdir: Path) -> str:
    (logdir / "good.raw.txt").write_text(RAW)
    (logdir / "good.annotation.txt").write_text("0 1 -\n")
    (logdir / "zbad.raw.txt").write_text(RAW)
    (logdir / "zbad.annotation.txt").write_text("0 1 -\n1 2 -\n")
    return f"{logdir / 'zbad.annotation.txt'}, line 2 (counted from 1): links to line 2"


def missing_annotation(logdir: Path) -> str:
    (logdir / "log.raw.txt").write_text(RAW)
    return f"{logdir / 'log.annotation.txt'}: No such file or directory"


def unreadable(logdir: Path) -> str:
    (logdir / "log.raw.txt").symlink_to(logdir / "log.raw.txt")
    (logdir / "log.annotation.txt").write_text("0 1 -\n")
    return f"{logdir / 'log.raw.txt'}: Too many levels of symbolic links"


def bad_nick(logdir: Path) -> str:
    (logdir / "log.raw.txt").write_text(f"[12:00] <{'x' * 96}> a\n")
    (logdir / "log.annotation.txt").write_text("0 0 -\n")
    return f"{logdir / 'log.raw.txt'}: line 0 (counted from 0): 'user:xxx"


@pytest.mark.parametrize(
    ("spoiler", "exit_code"),
    [
        (no_logs, os.EX_NOINPUT),
        (missing_annotation, os.EX_NOINPUT),
        (unreadable, os.EX_NOINPUT),
        (broken_annotation, os.EX_DATAERR),
        (bad_nick, os.EX_DATAERR),
    ],
)
def test_bad_input_is_told_with_its_place_and_touches_nothing(
    logdir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoiler: Any,
    exit_code: int,
) -> None:
    sentence = spoiler(logdir)
    data = tmp_path / "data"
    assert exit_code == run(["replay", str(logdir), "--data", str(data)])
    output, talk = capsys.readouterr()
    assert output == ""
    assert talk.startswith(f"weft: {sentence}")
    assert talk.count("\n") == 1
    assert not data.exists()


def test_a_directory_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["replay", str(tmp_path / "absent"), "--data", str(tmp_path / "data")]
    assert os.EX_NOINPUT == run(arguments)
    assert "no such directory" in capsys.readouterr().err


def test_a_directory_in_use_is_told_with_its_holder(tmp_store: Path) -> None:
    with weft("serve", "--data", tmp_store, "--listen", "127.0.0.1:0") as holder:
        first_line(holder)
        done = run_weft("replay", EXAMPLES, "--data", tmp_store)
    assert done.returncode == os.EX_TEMPFAIL
    assert f"open in process {holder.pid}" in done.stderr
    assert "Traceback" not in done.stderr


# -- stopping ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signum", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_stops_it_between_two_lines_and_a_second_run_goes_on(
    write_log: WriteLog, tmp_store: Path, signum: signal.Signals, exit_code: int
) -> None:
    lines = 800
    logdir = write_log(*long_log(lines))
    arguments = ("replay", logdir, "--data", tmp_store, "--json", "--metrics")
    with weft(*arguments, "127.0.0.1:0") as child:
        url = url_in(first_line(child))
        while not scrape(url)["weft_states", ""]:
            assert child.poll() is None
        child.send_signal(signum)
        output, talk = child.communicate(timeout=DEADLINE_S)
    assert (exit_code, "") == (child.returncode, output)
    assert talk == "weft: Stopped. Run the same command again to go on from here.\n"
    store = LmdbStore(tmp_store)
    with store.read() as snapshot:
        stored = snapshot.counters.states
        assert [] == list(snapshot.live_runs())
    store.close()
    assert 0 < stored < lines
    done = run_weft("replay", logdir, "--data", tmp_store, "--json", "--quiet")
    found = figures(done.stdout)
    assert (lines, 1) == (found["states"], found["transfers"])
    assert 2 * (lines - stored) + 1 == found["operations"]


def test_a_reader_that_goes_away_is_no_failure(tmp_store: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    arguments = ("replay", EXAMPLES, "--data", tmp_store)
    with weft(*arguments, stdout=write_end, stderr=subprocess.PIPE) as child:
        os.close(write_end)
        _, talk = child.communicate(timeout=DEADLINE_S)
    assert (0, "") == (child.returncode, talk)
