"""The daemon's numbers go to the reader that is configured."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon.asking import ask, url_in
from tests.daemon.child import DEADLINE_S, environment, first_line, weft
from weft.daemon.metrics_setup import load_reader
from weft.daemon.workflows import AppError

pytest.importorskip("opentelemetry.sdk", reason="needs the extra [otel]")

READER = """
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    PeriodicExportingMetricReader,
)

reader = PeriodicExportingMetricReader(ConsoleMetricExporter(), 3_600_000)
"""


def test_the_daemon_pushes_its_numbers_through_the_reader_it_is_given(
    tmp_path: Path,
) -> None:
    (tmp_path / "readers.py").write_text(READER)
    arguments = ("--data", tmp_path / "data", "--listen", "127.0.0.1:0")
    told = environment(
        WEFT_DAEMON__METRICS_READER="readers:reader", OTEL_SERVICE_NAME="threads"
    )
    with weft("serve", *arguments, cwd=tmp_path, env=told) as child:
        url = url_in(first_line(child))
        assert 200 == ask(f"{url}/sessions").status
        child.terminate()
        said, _ = child.communicate(timeout=DEADLINE_S)
    assert '"service.name": "threads"' in said
    assert '"name": "weft.http_requests"' in said
    assert '"route": "/sessions"' in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "names nothing"),
        ("no_such_module:reader", "names nothing"),
        ("os:path", "must be a MetricReader"),
    ],
)
def test_what_is_no_reader_is_refused(name: str, words: str) -> None:
    with pytest.raises(AppError, match=words):
        load_reader(name)


def test_nothing_of_opentelemetry_is_imported_unless_it_is_asked_for() -> None:
    code = (
        "import sys, weft.daemon.serve; from weft.daemon.metrics_setup import *; "
        "assert load_reader(None) is None; "
        "sys.exit('opentelemetry' in {n.split('.')[0] for n in sys.modules})"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment(), check=False, timeout=DEADLINE_S)
    assert 0 == done.returncode
