"""The pulse of a store: it goes on, whatever the database says once."""

import threading

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from weft.cluster import DatabaseRefused
from weft.cluster.line import Line
from weft.cluster.postgres import PostgresStore
from weft.cluster.pulse import Pulse
from weft.cluster.replication import Replication

WAIT_S = 20.0


def test_a_server_that_is_a_standby_for_a_moment_does_not_end_it(
    postgres_store: PostgresStore, emptied: str
) -> None:
    proved, refused = threading.Semaphore(0), threading.Event()
    fenced: list[Exception] = []

    def refuse_once(_found: Replication) -> None:
        if not refused.is_set():
            refused.set()
            raise DatabaseRefused("The server is a standby: it takes no commits.")

    pulse = Pulse(
        Line(emptied),
        postgres_store.fence,
        lambda: proved.release,
        fenced.append,
        refuse_once,
        0.01,
    )
    pulse.start()
    assert refused.wait(WAIT_S)
    assert all(proved.acquire(timeout=WAIT_S) for _ in range(5))
    pulse.stop()
    assert [] == fenced
