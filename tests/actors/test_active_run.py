"""What is said of a run that failed."""

import pytest

from tests.actors.support import failure
from weft.actors import Runtime
from weft.storage import MemoryStore, ThreadNotFound, WorkflowExecutionError


@pytest.mark.parametrize(
    "error", [ValueError("no luck"), ValueError("no luck."), ThreadNotFound()], ids=repr
)
def test_a_failed_run_says_what_of_with_one_full_stop(error: Exception) -> None:
    def fail(_context: object, _config: object) -> None:
        raise error

    with Runtime.open(store=MemoryStore(), workflows={"default": fail}) as runtime:
        thread = runtime.session("s").create_thread("x").get(timeout=9)
        told = failure(thread.run())
    assert isinstance(told, WorkflowExecutionError)
    words = str(error).rstrip(".")
    assert f"failed with {type(error).__name__}: {words}. {told.remedy}" in str(told)
