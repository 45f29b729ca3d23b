"""``weft cluster``: the schema, the slots, what is told when something is missing."""

import pytest

pytest.importorskip("ray", reason="needs the extra [cluster]: ray")
pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from weft.cluster.reader import PostgresReader
from weft.daemon.main import run


def slots(dsn: str) -> dict[int, int]:
    reader = PostgresReader(dsn)
    try:
        return reader.slot_map().counts()
    finally:
        reader.close()


def test_a_schema_is_made_once_with_its_shards(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["cluster", "init", "--dsn", address, "--shards"]
    assert 0 == run([*command, "4"])
    assert "made" in capsys.readouterr().out
    assert dict.fromkeys(range(4), 16_384) == slots(address)
    assert 0 == run([*command, "9"])
    assert "there already" in capsys.readouterr().out
    assert 4 == len(slots(address))


def test_slots_are_moved_when_that_is_confirmed(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["cluster", "init", "--dsn", address, "--shards", "2"])
    command = ["cluster", "reshard", "--dsn", address, "--from", "0", "--to", "2"]
    assert 0 == run([*command, "--share", "0.25", "--yes"])
    assert "8192" in capsys.readouterr().out
    assert {0: 24_576, 1: 32_768, 2: 8_192} == slots(address)


def test_a_database_without_a_store_and_one_that_is_away_are_told(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    moving = ["--from", "0", "--to", "1", "--yes"]
    assert 74 == run(["cluster", "reshard", "--dsn", address, *moving])
    assert "no store" in capsys.readouterr().err
    nobody = "postgresql://127.0.0.1:1/none?connect_timeout=2"
    assert 74 == run(["cluster", "init", "--dsn", nobody])
    assert capsys.readouterr().err


def test_serving_a_cluster_and_a_directory_at_once_is_wrong_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert 2 == run(["serve", "--data", "x", "--cluster", "auto"])
    assert "not both" in capsys.readouterr().err


def test_workflows_that_are_not_there_are_told_before_anything_is_started(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["cluster", "start", "--dsn", address, "--app", "nowhere:flows"]
    assert 78 == run(command)
    assert "nowhere" in capsys.readouterr().err
