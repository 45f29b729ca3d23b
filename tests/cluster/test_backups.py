"""What a cluster is backed up with: an export of one moment, while all of it works."""

import subprocess
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.local import LocalCluster, ids_on
from tests.cluster.postgres import binary
from tests.cluster.test_moving import weft
from weft.cluster.errors import NotInCluster
from weft.cluster.line import Line
from weft.cluster.schema import install
from weft.daemon.commands.care import check
from weft.daemon.commands.carrying import export, import_
from weft.storage import LmdbStore

WAIT_S = 20.0
HERE, THERE = (ids_on(shard, 2, 1)[0] for shard in (0, 1))


def create(cluster: LocalCluster, session_id: str, name: str, **how: Any) -> None:
    made = cluster.runtime.session(session_id).create_thread(name, **how)
    made.get(timeout=WAIT_S)


def install_at(address: str, shards: int) -> None:
    line = Line(address)
    install(line, shards)
    line.close()


def test_an_export_of_a_cluster_at_work_is_one_moment_of_it_and_restores(
    address: str, tmp_path: Path
) -> None:
    file = tmp_path / "cluster.jsonl"
    with LocalCluster(address, 2) as cluster:
        coordinator = cluster.runtime.coordinator
        for session_id in (HERE, THERE):
            coordinator.create_session(session_id).get(timeout=WAIT_S)
        made = [
            coordinator.create_thread_with_session(
                (HERE, THERE)[n % 2], {}, f"t{n}", thread_id=f"t{n}"
            )
            for n in range(40)
        ]
        for future in made:
            future.get(timeout=WAIT_S)
        moves = [
            coordinator.transfer_thread_between_sessions(
                f"t{n}", (HERE, THERE)[n % 2], (THERE, HERE)[n % 2]
            )
            for n in range(40)
        ]
        weft(export, "--data", address, "--out", file, "--quiet")
        for move in moves:
            move.get(timeout=WAIT_S)
    weft(import_, file, "--data", tmp_path / "here", "--quiet")
    assert "clean" in weft(check, "--data", tmp_path / "here")
    store = LmdbStore(tmp_path / "here")
    with store.read() as snapshot:
        found = [len(list(snapshot.threads(one))) for one in (HERE, THERE)]
    store.close()
    assert 40 == sum(found)


def test_an_export_of_a_cluster_is_restored_to_a_cluster(
    address: str, other_address: str, tmp_path: Path
) -> None:
    file = tmp_path / "cluster.jsonl"
    with LocalCluster(address, 2) as cluster:
        for session_id in (HERE, THERE):
            create(cluster, session_id, "before", op_id=session_id)
    weft(export, "--data", address, "--out", file, "--quiet")
    install_at(other_address, 2)
    weft(import_, file, "--data", other_address, "--quiet")
    assert "clean" in weft(check, "--data", other_address)
    with LocalCluster(other_address, 2) as cluster:
        for session_id in (HERE, THERE):
            create(cluster, session_id, "before", op_id=session_id)  # once is enough
            create(cluster, session_id, "after")
            threads = cluster.runtime.coordinator.list_threads(session_id)
            found = [one.thread_name for one in threads.get(timeout=WAIT_S)]
            assert ["after", "before"] == found
        assert [] == cluster.runtime.check().inconsistencies
        with cluster.runtime.store.read() as snapshot:
            applied = [one.seq for one in snapshot.operations() if one.seq is not None]
        with cluster.runtime.events(0, timeout_s=WAIT_S) as events:
            told = [one.seq or 0 for one in islice(events, len(applied))]
        assert applied == sorted(told)


def test_a_backup_of_a_directory_is_not_made_of_a_database(
    address: str, tmp_path: Path
) -> None:
    with (
        LocalCluster(address, 2) as cluster,
        pytest.raises(NotInCluster, match="weft export"),
    ):
        cluster.runtime.backup(tmp_path / "backup")


def test_a_dump_of_the_database_is_restored_to_a_cluster(
    address: str, other_address: str, tmp_path: Path
) -> None:
    file = tmp_path / "cluster.sql"
    with LocalCluster(address, 2) as cluster:
        for session_id in (HERE, THERE):
            create(cluster, session_id, "before", op_id=session_id)
        postgresql("pg_dump", address, "--file", file)
    postgresql("psql", other_address, "--file", file, "--set", "ON_ERROR_STOP=1")
    with LocalCluster(other_address, 2) as cluster:
        for session_id in (HERE, THERE):
            create(cluster, session_id, "before", op_id=session_id)  # once is enough
            create(cluster, session_id, "after")
        assert [] == cluster.runtime.check().inconsistencies


def postgresql(name: str, address: str, *options: object) -> None:
    """Run a program of PostgreSQL's."""
    program = binary(name)
    assert program is not None
    command = [str(program), "--dbname", address, *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
