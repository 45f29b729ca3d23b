"""``weft bench``: figures of this machine, and nothing left behind."""

from hashlib import sha256
from pathlib import Path

import pytest

from tests.daemon.cli.conftest import Daemon, Weft
from weft.actors import Runtime
from weft.daemon.bench_command import _doubts
from weft.daemon.stopwatch import Figure

QUICK = ("--seconds", 0.1, "--callers", 4)
DURABLE = {"create", "append", "transfer"}


def contents(directory: Path) -> dict[str, str]:
    """Return what each file below a directory holds, in short."""
    return {
        str(path.relative_to(directory)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_a_disk_is_measured_and_its_store_is_not_touched(
    weft: Weft, tmp_path: Path
) -> None:
    with Runtime.open(tmp_path) as runtime:
        runtime.session("alice").create_thread("notes").get(timeout=5)
    before = contents(tmp_path)
    done = weft("bench", "--data", tmp_path, *QUICK, "-o", "json")
    assert 0 == done.code, done.err
    assert before == contents(tmp_path)
    assert str(tmp_path) in done.json["place"]
    figures = done.json["figures"]
    assert [("flush of 4 KiB", 1), ("create", 1), ("create", 4), ("append", 4),
            ("transfer", 4), ("read", 1)] == [
        (figure["what"], figure["callers"]) for figure in figures
    ]  # fmt: skip
    for figure in figures:
        times = [figure[name] for name in ("p50_ms", "p99_ms", "max_ms")]
        assert sorted(times) == times
        assert min(times[-1], figure["count"], figure["cpu_us"]) > 0
        assert (figure["what"] in DURABLE) == (figure["per_flush"] is not None)
    alone, together = figures[1:3]
    assert 1 == alone["per_flush"]
    assert 1 < together["per_flush"] <= 4, "callers share a flush"


def test_a_table_has_a_row_for_each_figure(weft: Weft, tmp_path: Path) -> None:
    done = weft("bench", "--data", tmp_path, *QUICK)
    place, headings, *rows = done.out.splitlines()
    assert place.startswith(str(tmp_path))
    assert headings.split()[0] == "WHAT"
    assert 6 == len(rows)
    assert [] == list(tmp_path.iterdir())


def test_a_daemon_is_asked_and_nothing_is_written(daemon: Daemon, weft: Weft) -> None:
    log = weft("ops", "-o", "json").json
    done = weft("bench", "--url", daemon.url, *QUICK, "-o", "json")
    assert 0 == done.code, done.err
    assert daemon.url == done.json["place"]
    whats = [figure["what"] for figure in done.json["figures"]]
    assert ["answer from memory", "answer from memory", "read of the store"] == whats
    assert all(figure["count"] > 0 for figure in done.json["figures"])
    assert "nothing was written" in done.json["notes"][0]
    assert log == weft("ops", "-o", "json").json


def test_a_daemon_that_is_not_there_is_told(weft: Weft) -> None:
    done = weft("bench", "--url", "http://127.0.0.1:9", *QUICK)
    assert (69, "") == (done.code, done.out)


def test_a_directory_that_is_not_there_is_told(weft: Weft, tmp_path: Path) -> None:
    done = weft("bench", "--data", tmp_path / "missing")
    assert (2, "") == (done.code, done.out)
    assert "missing" in done.err


@pytest.mark.parametrize(
    ("kind", "p50_ms", "words"),
    [
        ("ext4", 1.0, []),
        ("tmpfs", 0.001, ["This is memory"]),
        ("ext4", 0.001, ["the disk may forget"]),
        ("nfs4", 1.0, ["locks do not hold on nfs4"]),
    ],
)
def test_what_makes_the_figures_worth_less_is_told(
    kind: str, p50_ms: float, words: list[str]
) -> None:
    flush = Figure("flush", 1, 1, 1.0, p50_ms, p50_ms, p50_ms, 1.0)
    told = list(_doubts(kind, flush))
    assert len(words) == len(told)
    assert all(word in note for word, note in zip(words, told, strict=True))
