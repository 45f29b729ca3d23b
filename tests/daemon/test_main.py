"""The command line: quick to help, clear about failures."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
import pytest

from tests.daemon.child import DEADLINE_S, environment, run_weft
from weft.daemon import cli
from weft.daemon.failures import EXIT_CODES
from weft.daemon.main import ENTRIES, run
from weft.storage import DeadlineExceeded

HEAVY = {
    "asyncio",
    "httpx",
    "lmdb",
    "msgspec",
    "prometheus_client",
    "pykka",
    "rich",
} | {
    "starlette",
    "uvicorn",
    "uvloop",
    "weft.actors",
    "weft.metrics",
    "weft.storage",
}
EXAMPLES = Path(__file__).parents[2] / "examples" / "logs"


@pytest.mark.parametrize(
    ("commands", "modules_max"),
    [
        ([["--help"]], 150),  # 112; a bare interpreter has 50, click brings 50
        ([["--version"], *([name, "--help"] for name in ENTRIES)], 200),
        ([["threads", "ls", "--help"], ["completion", "bash"]], 200),
    ],
    ids=["the help", "the help of every command", "others"],
)
def test_help_imports_nothing_of_weight(
    commands: list[list[str]], modules_max: int
) -> None:
    script = (
        "import sys\n"
        "from weft.daemon.main import run\n"
        f"codes = [run(arguments) for arguments in {commands!r}]\n"
        "print('codes', set(codes))\n"
        "print(*sys.modules, sep='\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE_S,
    )
    _, codes, listed = done.stdout.rpartition("codes {0}\n")
    modules = set(listed.splitlines())
    assert codes
    assert "weft.daemon.main" in modules
    assert set() == modules & HEAVY
    assert modules_max >= len(modules)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        expected = f"weft {version('weft')}\n"
    except PackageNotFoundError:
        expected = "weft (not installed, run from a checkout)\n"
    assert run(["--version"]) == 0
    assert (expected, "") == capsys.readouterr()


def test_the_package_runs_as_a_module() -> None:
    done = run_weft("--help")
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("Usage: weft [OPTIONS] COMMAND")
    for name in ENTRIES:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", ENTRIES)
def test_the_help_says_of_a_command_what_it_says_itself(name: str) -> None:
    command = cli.get_command(click.Context(cli, **cli.context_settings), name)
    assert command is not None
    assert command.help is not None
    assert f"{ENTRIES[name].help}." == command.help.split("\n\n")[0].replace("\n", " ")


@pytest.mark.parametrize(("code", "words"), EXIT_CODES)
def test_the_help_tells_every_exit_code(
    code: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == run(["--help"])
    assert f"    {code:<7}{words}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["reply"], "No such command 'reply'"),
        (["serve"], "Missing option '--data'"),
        (["serve", "--data", "d", "--listen", "8123"], "'8123' is not HOST:PORT."),
        (["replay", "--data", "d"], "Missing argument 'LOGDIR'"),
        (["replay", "l", "--data", "d", "--concurrency", "0"], "0 is not in the range"),
        (["serve", "--data", __file__], "is a file"),
    ],
)
def test_wrong_usage_is_told_with_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(arguments) == 2
    output, talk = capsys.readouterr()
    assert output == ""
    assert words in talk
    assert "Usage: weft" in talk


def test_a_data_directory_that_cannot_be_made_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "data"
    assert os.EX_IOERR == run(["replay", str(EXAMPLES), "--data", str(place)])
    assert f"weft: {place}: Not a directory." in capsys.readouterr().err


# -- failures of commands ------------------------------------------------------------


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Return a list: a command named ``fail`` raises what is put into it."""
    failures: list[BaseException] = []

    @click.command()
    def fail() -> None:
        raise failures[0]

    monkeypatch.setitem(cli.commands, "fail", fail)
    return failures


@pytest.mark.parametrize(
    ("failure", "exit_code", "words"),
    [
        (KeyboardInterrupt(), 130, "weft: Interrupted."),
        (PermissionError(13, "Permission denied", "/x"), 77, "/x: Permission denied."),
        (OSError(28, "No space left on device", "/x"), 74, "/x: No space left"),
        (FileExistsError(17, "File exists", "/x"), 73, "/x: File exists."),
        (FileNotFoundError(2, "No such file", "/x"), 66, "/x: No such file."),
        # a TimeoutError, and so an OSError, but one of ours first
        (DeadlineExceeded(), 75, "Repeat the operation with the same op_id"),
    ],
)
def test_a_failure_that_can_be_foreseen_is_a_sentence_and_a_code(
    failing: list[BaseException],
    capsys: pytest.CaptureFixture[str],
    failure: BaseException,
    exit_code: int,
    words: str,
) -> None:
    failing.append(failure)
    assert exit_code == run(["fail"])
    output, talk = capsys.readouterr()
    assert output == ""
    assert words in talk


def test_a_defect_is_a_sentence_and_with_debug_the_traceback(
    failing: list[BaseException],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing.append(ZeroDivisionError("a bug"))
    assert os.EX_SOFTWARE == run(["fail"])
    assert "ZeroDivisionError: a bug." in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(["--debug", "fail"])
    monkeypatch.setenv("WEFT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(["fail"])
