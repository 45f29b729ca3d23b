"""Every command on a pseudo-terminal of 80 columns, one of 200, and in a pipe."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.daemon.child import DEADLINE_S, environment
from tests.daemon.cli.conftest import Daemon, Weft
from tests.daemon.cli.terminal import terminal
from weft.daemon.main import cli, run

LOGS = Path(__file__).parents[3] / "examples" / "logs"
BOLD = "\x1b[1m"
NOT_HERE = {
    *("weft serve", "weft demo"),  # daemons
    *("weft watch", "weft shell", "weft mcp"),  # they go on until their input ends
    *("weft crons add", "weft crons rm"),  # what they leave, others would list
    "weft migrate",  # it needs a database
    *(
        f"weft cluster {name}"
        for name in ("drain", "init", "start", "status", "reshard")
    ),
}
"""They have their own tests."""

COMMANDS = (
    ("config", "show"),
    ("config", "schema"),
    ("config", "check"),
    ("replay", "{logs}", "--data", "{new}", "--quiet"),
    ("status",),
    ("doctor",),
    ("top", "--times", "2", "--interval", "0.1"),
    ("latency", "--count", "3"),
    ("bench", "--seconds", "0.05", "--callers", "2", "--data", "{stored}"),
    ("tree", "term"),
    ("crons", "ls"),
    ("ops", "log", "--limit", "5"),
    ("ops", "export", "{new}"),
    ("sessions", "create", "term", "--if-missing"),
    ("sessions", "ls", "--user", "nobody"),
    ("sessions", "show", "term"),
    ("sessions", "mv", "term", "--to", "other-term", "--dry-run"),
    ("sessions", "rm", "term", "--dry-run"),
    ("sessions", "log", "term"),
    ("sessions", "history", "term"),
    ("threads", "create", "{name}", "--session", "term", "--workflow", "count"),
    ("threads", "ls", "--session", "term"),
    ("threads", "show", "talk", "--session", "term"),
    ("threads", "mv", "talk", "--session", "term", "--to", "x", "--dry-run"),
    ("threads", "rename", "talk", "talk", "--session", "term"),
    ("threads", "rm", "talk", "--session", "term", "--dry-run"),
    ("threads", "log", "talk", "--session", "term"),
    ("threads", "history", "talk", "--session", "term"),
    ("run", "talk", "{{}}", "--session", "term"),
    ("stream", "talk", "{{}}", "--session", "term"),
    ("check",),
    ("repair", "--dry-run"),
    ("fsck", "{stored}"),
    ("backup", "--data", "{stored}", "--to", "{new}"),
    ("restore", "--from", "{backed_up}", "--data", "{new}"),
    ("export", "--data", "{stored}"),
    ("import", "{export}", "--data", "{new}"),
    ("completion", "bash"),
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return a store that nobody has open, its backup and its export."""
    place = tmp_path_factory.mktemp("places")
    names = {name: str(place / name) for name in ("stored", "backed_up", "export")}
    quiet = ("--quiet", "-o", "json")
    assert 0 == run(["replay", str(LOGS), "--data", names["stored"], *quiet])
    backup = ["backup", "--data", names["stored"], "--to", names["backed_up"]]
    assert 0 == run([*backup, *quiet])
    export = ["export", "--data", names["stored"], "--out", names["export"]]
    assert 0 == run([*export, "--quiet"])
    return names | {"logs": str(LOGS)}


@pytest.fixture
def typed(
    daemon: Daemon, weft: Weft, places: dict[str, str], tmp_path: Path
) -> dict[str, str]:
    """Return what stands in the commands' braces; there is a thread ``talk``."""
    assert daemon.socket.exists()
    weft("sessions", "create", "term", "--if-missing")
    weft("threads", "create", "talk", "--session", "term", "--workflow", "count")
    return places | {"new": str(tmp_path / "new"), "name": f"n-{tmp_path.name}"}


def leaves(command: click.Command, context: click.Context) -> set[str]:
    """Return the paths of all commands below one."""
    if not isinstance(command, click.Group):
        return {context.command_path}
    found = set()
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        found |= leaves(below, click.Context(below, context, name))
    return found


def test_every_command_is_driven() -> None:
    every = leaves(cli, click.Context(cli, info_name="weft", **cli.context_settings))
    driven = {
        path
        for path in every
        for command in COMMANDS
        if f"{' '.join(('weft', *command))} ".startswith(f"{path} ")
    }
    assert every == driven | NOT_HERE


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_works_in_a_pipe_and_on_a_terminal(
    command: tuple[str, ...],
    typed: dict[str, str],
    weft: Weft,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    piped = weft(*(word.format(**typed) for word in command))
    assert 0 == piped.code, piped.err
    assert "\x1b" not in piped.out + piped.err
    again = {"new": str(tmp_path / "newer"), "name": f"m-{tmp_path.name}"}
    with terminal(monkeypatch) as shown:
        assert 0 == run([word.format(**(typed | again)) for word in command])
    assert "Traceback" not in shown.shown
    assert piped.out.strip() == "" or shown.shown.strip()


def plain(lines: list[str]) -> list[str]:
    """Return lines without what steers the terminal."""
    return [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line) for line in lines]


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize(
    "command",
    [
        ("threads", "ls"),
        ("sessions", "ls"),
        ("sessions", "history", "wide"),
        ("ops", "log", "--session", "wide"),
        ("tree", "wide"),
        ("top", "--times", "1"),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_tables_fit_the_terminal(
    daemon: Daemon,
    weft: Weft,
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    command: tuple[str, ...],
) -> None:
    assert daemon.socket.exists()
    weft("threads", "create", "a" * 60, "日本" * 30, "--session", "wide", "--create")
    with terminal(monkeypatch, columns=columns) as shown:
        assert 0 == run(list(command))
    assert BOLD in shown.shown
    for line in plain(shown.lines):
        wide = sum(1 + (char in "日本") for char in line)
        assert columns >= wide, line


def test_a_pipe_and_json_show_the_whole_value(daemon: Daemon, weft: Weft) -> None:
    assert daemon.socket.exists()
    name = "long-" * 40
    weft("threads", "create", name, "--session", "long", "--create")
    assert name in weft("threads", "ls", "--session", "long").out


def test_colour_can_be_turned_off(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert daemon.socket.exists()
    with terminal(monkeypatch) as shown:
        monkeypatch.setenv("NO_COLOR", "1")
        assert 0 == run(["doctor"])
    assert "\x1b" not in shown.shown


def test_stored_text_cannot_steer_the_terminal(
    daemon: Daemon, weft: Weft, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert daemon.socket.exists()
    made = weft("sessions", "create", "evil", "--metadata", '{"x": "\\u001b[2J"}')
    assert 0 == made.code
    with terminal(monkeypatch) as shown:
        assert 0 == run(["sessions", "show", "evil"])
    assert "\x1b[2J" not in shown.shown


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 0), ("n", 1, 1)])
def test_a_person_is_asked_before_something_is_destroyed(
    daemon: Daemon,
    weft: Weft,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    left: int,
) -> None:
    assert daemon.socket.exists()
    session_id = f"asked-{answer}"
    weft("threads", "create", "t", "--session", session_id, "--create")
    with terminal(monkeypatch) as shown:
        shown.type(f"{answer}\n")
        assert code == run(["threads", "rm", "t", "--session", session_id])
    assert "This removes 1 thread with all states and runs. [y/N]" in shown.shown
    found = weft("threads", "ls", "--session", session_id, "-o", "json").json
    assert left == len(found)


def test_a_watch_replaces_what_it_showed(
    daemon: Daemon, weft: Weft, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = ("sessions", "ls", "--watch", "--interval", "0.1", "--times", "2")
    assert daemon.socket.exists()
    weft("sessions", "create", "watched")
    with terminal(monkeypatch) as shown:
        assert 0 == run(list(look))
    assert 2 == shown.shown.count("\x1b[H\x1b[2J")
    piped = weft(*look)
    assert 2 == piped.out.count("SESSION")
    assert "\x1b" not in piped.out


# -- in a process of its own -----------------------------------------------------------


@pytest.mark.usefixtures("heeding_ctrl_c")
def test_ctrl_c_ends_a_watch_as_it_should_end(daemon: Daemon, weft: Weft) -> None:
    assert 0 == weft("sessions", "create", "watched", "--if-missing").code
    watching = ["--watch", "--interval", "60", "--socket", str(daemon.socket)]
    with subprocess.Popen(
        [sys.executable, "-m", "weft.daemon", "sessions", "ls", *watching],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        child.send_signal(signal.SIGINT)
        _, talk = child.communicate(timeout=DEADLINE_S)
    assert (0, "\n") == (child.returncode, talk)


def test_a_reader_that_goes_away_is_no_failure(places: dict[str, str]) -> None:
    command = f"{sys.executable} -m weft.daemon ops -o jsonl --limit 9999 --data "
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}{places['stored']} | head -1"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert 1 == len(done.stdout.splitlines())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_learns_the_commands(
    shell: str, weft: Weft, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "_WEFT_COMPLETE" in weft("completion", shell).out
    monkeypatch.setenv("_WEFT_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", "weft sess")
    monkeypatch.setenv("COMP_CWORD", "sess" if shell == "fish" else "1")
    with pytest.raises(SystemExit):
        weft()
    monkeypatch.delenv("_WEFT_COMPLETE")


def test_completion_offers_what_begins_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_WEFT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setenv("COMP_WORDS", "weft se")
    with pytest.raises(SystemExit):
        run([])
    offered = [line.split(",")[1] for line in capsys.readouterr().out.splitlines()]
    assert ["serve", "sessions"] == offered
