"""What is not there: a failure of HTTP where a local runtime answers with a value."""

from typing import Any, Final

from weft.actors import Future
from weft.daemon.client.errors import DaemonFault
from weft.storage import SessionThreadException, ThreadNotFound

__all__ = ["found_or", "is_missing"]

NOT_FOUND: Final = 404


def is_missing(error: BaseException) -> bool:
    """Whether an error says that what a path names is not there."""
    if isinstance(error, DaemonFault):
        return bool(error.details.get("status") == NOT_FOUND)
    return isinstance(error, ThreadNotFound)


def found_or(missing: Any, asked: Future[Any]) -> Future[Any]:
    """Return an answer, or a value in its place where there is nothing.

    Args:
        missing: the value.
        asked: the answer to come.
    """
    answer: Future[Any] = Future()
    answer.op_id = asked.op_id

    def settle(done: Future[Any]) -> None:
        try:
            answer.try_set(done.get())
        except SessionThreadException as error:
            if is_missing(error):
                answer.try_set(missing)
            else:
                answer.try_fail(error)

    asked.add_done_callback(settle)
    return answer
