"""One page, done as a reader would: typed, executed and compared, top to bottom.

Guarantees: everything happens in a directory of the page's own; daemons answer at
ports of its own, whatever the page calls them, and are stopped at the end, which has to
succeed; every wait has a deadline.
"""

import json
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import IO, Final

from tests.daemon.child import REPOSITORY, environment
from tests.docs.page import Command, Shown, typed
from tests.house.readme import SET_UP
from tests.ports import free_port

__all__ = ["DEADLINE_S", "Story", "is_shown"]

DEADLINE_S: Final = 40
INTERPRETER: Final = Path(__file__).with_name("interpreter.py")
PORTS: Final = ("8123", "9464")
"""What daemons and pages of metrics are shown to answer at."""

RUNTIME_DIRECTORY: Final = "/run/user/1000"
"""What pages call the directory for the sockets of a user who has logged in."""


def is_shown(expected: str, actual: str, *, numbers_vary: bool = False) -> bool:
    """Whether an output is the one that is shown.

    Args:
        expected: ``...`` in it stands for anything.
        actual: spaces at the ends of lines, and empty lines at its end, do not count.
        numbers_vary: nor do differences of digits and in the width of columns.
    """
    given = (expected, actual)
    both = ["\n".join(map(str.rstrip, text.strip().splitlines())) for text in given]
    if numbers_vary:
        both = [re.sub(r"[\d,.]*\d|[ ─━═]+", "#", text) for text in both]
    parts = map(re.escape, both[0].split("..."))
    return re.fullmatch(".*".join(parts), both[1], re.DOTALL) is not None


class Story:
    """A page on its way.

    Args:
        page: its path.
        directory: empty, with a short name: it gets a socket.
        bin_directory: what is to be found first on the path.
    """

    def __init__(self, page: Path, directory: Path, bin_directory: Path) -> None:
        self.page = page
        self.directory = directory
        self._ports = {port: str(free_port()) for port in PORTS}
        self._servers: list[subprocess.Popen[str]] = []
        self._python: subprocess.Popen[str] | None = None
        self._printed: str | None = None
        path = f"{bin_directory}:{environment()['PATH']}"
        self._runtime = directory / ".run"  # where the daemon's socket is
        self._runtime.mkdir(mode=0o700)
        self._environment = environment(
            PATH=path,
            WEFT_HTTP__LISTEN=self._here("127.0.0.1:8123"),
            XDG_RUNTIME_DIR=str(self._runtime),
            COLUMNS="100",
        )
        self._environment.pop("WEFT_HTTP__SOCKET", None)  # the default is what is shown
        (directory / "examples").symlink_to(REPOSITORY / "examples")
        self._complaints: IO[str] = (directory / ".stderr").open("w+")

    def check(self, block: Shown) -> None:
        """Do what a block shows, and assert that what comes of it is what is shown."""
        if block.mark("not run") is not None:
            return
        printed, self._printed = self._printed, None
        file = block.mark("file")
        if file is not None:
            (self.directory / file).write_text(self._here(block.text))
        elif block.language == "console":
            for command in typed(block.text):
                self._type(command, vary=block.mark("numbers vary") is not None)
        elif block.language == "python":
            self._printed = self._execute(block)
        elif block.language == "text" and block.follows and printed is not None:
            self._compare(block.text, printed, "the block above", block)
        elif block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "json":
            _parse(block.text)

    def _compare(self, expected: str, actual: str, what: str, block: Shown) -> None:
        vary = block.mark("numbers vary") is not None
        told = f"{what} printed\n{actual}\nand not\n{expected}"
        assert is_shown(expected, actual, numbers_vary=vary), told

    def _type(self, command: Command, *, vary: bool) -> None:
        line = self._here(command.line)
        if line.startswith(SET_UP):  # a network is needed; `.ci/run` types these
            line = line.rpartition("&&")[2].replace(".venv/bin/", "")
            if "pytest" in line:
                return
        if line.startswith("weft serve"):
            output = self._serve(line)
        else:
            done = subprocess.run(
                ["bash", "-o", "pipefail", "-c", line],
                cwd=self.directory,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=DEADLINE_S,
            )
            output = done.stdout
            assert 0 == done.returncode, f"$ {line}\n{output}\nexit {done.returncode}"
        if command.output:
            output = self._there(output)
            told = (
                f"$ {command.line}\nshould show\n{command.output}\nand shows\n{output}"
            )
            assert is_shown(command.output, output, numbers_vary=vary), told

    def _serve(self, line: str) -> str:
        """Start a server in place of the one before; its first line says it is up."""
        self._stop_servers()
        server = subprocess.Popen(
            ["bash", "-c", f"exec {line.removesuffix('&')}"],
            cwd=self.directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._servers.append(server)
        assert server.stdout is not None
        first = server.stdout.readline()
        assert first, f"{line} ended without a word"
        return first

    def _stop_servers(self) -> None:
        while self._servers:
            server = self._servers.pop()
            server.terminate()
            output, _ = server.communicate(timeout=DEADLINE_S)
            stopped = {0, -signal.SIGTERM}  # uvicorn ends itself with its signal
            assert server.returncode in stopped, output

    def _execute(self, block: Shown) -> str:
        if block.mark("alone") is not None:
            return self._run_alone(block)
        if self._python is None:
            self._python = subprocess.Popen(
                [
                    sys.executable,
                    "-W",
                    "default::ResourceWarning",
                    str(INTERPRETER),
                    str(self.page),
                ],
                cwd=self.directory,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                text=True,
            )
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        asked = {"line": block.line, "text": self._here(block.text)}
        self._python.stdin.write(json.dumps(asked) + "\n")
        self._python.stdin.flush()
        answer = json.loads(self._python.stdout.readline() or "{}")
        assert answer, f"line {block.line} ended Python: {self._complained()}"
        assert answer["error"] is None, answer["error"]
        printed: str = answer["printed"]
        return self._there(printed)

    def _run_alone(self, block: Shown) -> str:
        directory = self.directory / f"line-{block.line}"
        directory.mkdir()
        script = directory / "block.py"
        script.write_text("\n" * (block.line - 1) + self._here(block.text))
        done = subprocess.run(
            [sys.executable, "-W", "default::ResourceWarning", script.name],
            cwd=directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )
        assert (0, "") == (done.returncode, done.stderr), done.stderr
        return done.stdout

    def _here(self, text: str) -> str:
        return re.sub("|".join(PORTS), lambda found: self._ports[found[0]], text)

    def _there(self, text: str) -> str:
        for port, here in self._ports.items():
            text = text.replace(here, port)
        return text.replace(str(self._runtime), RUNTIME_DIRECTORY)

    def _complained(self) -> str:
        self._complaints.flush()
        self._complaints.seek(0)
        return self._complaints.read()

    def check_end(self) -> None:
        """Stop what still runs; nothing may have complained."""
        if self._python is not None:
            self._python.communicate(timeout=DEADLINE_S)
            complaints = self._complained()
            assert (0, "") == (self._python.returncode, complaints), complaints
        self._stop_servers()

    def abandon(self) -> None:
        """Kill what still runs."""
        self._complaints.close()
        for child in [*self._servers, self._python]:
            if child is not None:
                child.kill()
                child.communicate()


def _parse(text: str) -> None:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        for line in text.splitlines():
            json.loads(line)
