"""PostgreSQL's engine keeps the contract of test_engine."""

import pytest

from tests.cluster.again import about_any_store
from tests.storage import test_engine as contract
from weft.cluster.engine import PostgresEngine
from weft.cluster.postgres import PostgresStore
from weft.cluster.recall import Recall


class _Forgetful(Recall):
    """A recall that remembers nothing from group to group."""

    def end_group(self, _written: object) -> None:
        self.forget()


@pytest.fixture(params=["remembering", "forgetting"])
def engine(
    request: pytest.FixtureRequest, postgres_store: PostgresStore
) -> PostgresEngine:
    """Return an engine without an entry; one of the kinds fetches all it reads."""
    made = postgres_store._postgres
    with made.write() as transaction:
        transaction.delete("M", b"format")
    if request.param == "forgetting":
        made.recall = _Forgetful()
    return made


globals().update(about_any_store(contract))
