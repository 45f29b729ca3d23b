"""A real Prometheus server that scrapes a real daemon twice a second."""

import contextlib
import http.client
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import quote

from tests.metrics.promtool import program
from tests.ports import free_port
from weft.metrics.export import export

INTERVAL_S = 0.5
DEADLINE_S = 40.0
LOOK_S = 0.2

SCRAPER = "metrics-for-prometheus-only"
TOKENS = (
    f"administrator-of-tests name=admin\n{SCRAPER} scopes=metrics name=prometheus\n"
)

never = Event()
"""What nobody sets: waiting for it is resting."""


def hurried(rules: str) -> str:
    """Return the rules with durations of seconds, so that a fault shows at once."""
    rules = re.sub(r"\bfor: \w+", "for: 1s", rules)
    rules = re.sub(r"\[(5m|10m|15m|1h)\]", "[4s]", rules)
    return rules.replace("> 10000", "> 200").replace("26 * 3600", "20")


class Prometheus:
    """A running server.

    Args:
        port: where it answers.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def get(self, path: str) -> Any:
        """Return what the API says."""
        status, body = self.ask(f"/api/v1/{path}")
        assert 200 == status, body
        return json.loads(body)["data"]

    def is_ready(self) -> bool:
        """Whether it answers yet."""
        with contextlib.suppress(ConnectionRefusedError):
            return self.ask("/-/ready")[0] == 200
        return False

    def query(self, expression: str) -> list[Any]:
        """Return the series of an expression at this moment."""
        found: list[Any] = self.get(f"query?query={quote(expression)}")["result"]
        return found

    def value(self, expression: str) -> float | None:
        """Return the number of the only series; None if there is none."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        return {
            alert["labels"]["alertname"]
            for alert in self.get("alerts")["alerts"]
            if alert["state"] == "firing"
        }

    def wait_for(self, happened: Callable[[], object], what: str) -> None:
        """Wait until something is so."""
        end_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < end_s:
            if happened():
                return
            never.wait(LOOK_S)
        raise AssertionError(f"not after {DEADLINE_S} s: {what}")

    def wait_until_up(self) -> None:
        """Wait until it has scraped the daemon twice."""
        self.wait_for(
            lambda: (self.value("count_over_time(weft_build_info[1m])") or 0) > 1,
            "two scrapes",
        )


@contextmanager
def prometheus(directory: Path, target: str) -> Iterator[Prometheus]:
    """Run a server on the shipped configuration, in a hurry.

    Args:
        directory: where its files are to be; new.
        target: the daemon's ``HOST:PORT``.
    """
    path = program("prometheus")
    export(directory)
    (directory / "weft.token").write_text(SCRAPER)
    rules = directory / "weft.rules.yml"
    rules.write_text(hurried(rules.read_text()))
    configuration = directory / "prometheus.yml"
    configuration.write_text(
        configuration.read_text()
        .replace("127.0.0.1:8123", target)
        .replace("15s", f"{int(INTERVAL_S * 1000)}ms")
    )
    port = free_port()
    command = [
        path,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with subprocess.Popen(command, cwd=directory) as child:
        try:
            server = Prometheus(port)
            server.wait_for(server.is_ready, "a server that is ready")
            yield server
        finally:
            child.kill()
