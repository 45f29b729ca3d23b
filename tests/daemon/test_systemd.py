"""The unit files: nothing misspelt, and locked in as far as the daemon can be."""

import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from tests.daemon.child import DEADLINE_S
from weft.daemon.options import serve_options

UNITS = ("weft.service", "weft.socket")

EXPOSURE_MAX = 2.0
"""Of 10, the less the better; below 2.5 systemd calls it OK. Measured: 1.4."""

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and not os.environ.get("CI"),
    reason="needs systemd-analyze (Debian: systemd)",
)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Return a directory with the units, their program being one that exists here."""
    for name in UNITS:
        text = files("weft.daemon").joinpath("systemd", name).read_text("utf-8")
        text = text.replace("/usr/bin/weft", sys.executable)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze; what it says stands in stdout."""
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )


def test_nothing_in_the_units_is_misspelt(units: Path) -> None:
    done = analyze("verify", "--man=no", *[units / name for name in UNITS])
    said = [line for line in done.stdout.splitlines() if "weft" in line]
    assert (0, []) == (done.returncode, said)


def test_a_misspelt_unit_would_be_found(units: Path) -> None:
    service = units / "weft.service"
    service.write_text(service.read_text().replace("PrivateTmp", "PrivateTemp"))
    assert "PrivateTemp" in analyze("verify", "--man=no", service).stdout


def test_the_service_is_exposed_little(units: Path) -> None:
    done = analyze("security", "--offline=yes", "--no-pager", units / "weft.service")
    found = re.search(r"Overall exposure level.*?: ([\d.]+)", done.stdout)
    assert found, done.stdout
    assert float(found[1]) <= EXPOSURE_MAX


def test_the_options_of_the_service_exist(units: Path) -> None:
    command = (units / "weft.service").read_text()
    (line,) = re.findall("^ExecStart=(.*)$", command, re.MULTILINE)
    known = {
        option
        for parameter in serve_options(lambda: None).__click_params__  # type: ignore[attr-defined]
        for option in parameter.opts
    }
    assert set(re.findall(r"--[a-z-]+", line)) <= known
