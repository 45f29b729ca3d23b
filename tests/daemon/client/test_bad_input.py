"""What callers do wrong is told through a daemon as it is by a local runtime."""

from collections.abc import Iterator

import pytest

from tests.actors import test_bad_input as local
from tests.actors.bad_calls import given
from tests.actors.conftest import WORKFLOWS
from tests.daemon.client.conftest import Behind, Shared
from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.storage import MemoryStore

pytestmark = pytest.mark.long  # 170 cases of one rule

test_what_is_wrong = local.test_what_is_wrong_gets_a_typed_error_and_changes_nothing


@pytest.fixture(scope="module")
def shared(station: Shared) -> Iterator[Behind]:
    """One runtime behind a daemon for all cases: none of them may change it."""
    with Runtime.open(store=MemoryStore(), workflows=WORKFLOWS) as runtime:
        station.switch.app = create_app(runtime)
        behind = Behind(runtime, station.client, station.wire)
        given(behind)  # type: ignore[arg-type]
        yield behind
