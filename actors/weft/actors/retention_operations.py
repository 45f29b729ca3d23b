"""Forgetting on demand: the coordinator's part about what is kept."""

from typing import Final

from msgspec.structs import replace

from weft.actors.door import Door, at_the_door, check_limit
from weft.actors.future import Future
from weft.actors.logs import follow_answer
from weft.actors.retention import Forget
from weft.storage import InvalidArgument, ThreadNotFound
from weft.storage.ids import check_id
from weft.storage.retention import DAY_S, History, Retention

__all__ = ["RetentionOperations"]

AGE_DAYS_MAX: Final = 100_000
"""Beyond 270 years the clock of microseconds knows no before."""

_NOTHING: Final = Retention(
    operations_s=None,
    operations_max=None,
    tombstones_s=None,
    associations_s=None,
)


class RetentionOperations(Door):
    """Forget inactive associations, and the history of a thread."""

    @at_the_door
    def cleanup_inactive_associations(self, max_age_days: float = 30) -> Future[int]:
        """Forget the associations that have been inactive for some time.

        It takes as many small transactions as it needs, and may take minutes on a
        large store; other work goes on beside it.

        Args:
            max_age_days: how long they may have been inactive.

        Returns:
            how many were forgotten.

        Raises:
            InvalidArgument: the age is no number of days.
            StoreClosed: the runtime was closed before the end.
        """
        age_days = max_age_days
        is_number = isinstance(age_days, int | float) and not isinstance(age_days, bool)
        if not is_number or not 0 <= age_days <= AGE_DAYS_MAX:
            raise InvalidArgument(f"max_age_days is a number, not {max_age_days!r}.")
        policy = replace(_NOTHING, associations_s=age_days * DAY_S)
        asked = self._house.retain(Forget(policy))
        follow_answer(asked, "cleanup_inactive_associations")
        return asked.map(lambda forgotten: forgotten["associations"])

    @at_the_door
    def delete_history(self, thread_id: str, *, keep_latest: int = 0) -> Future[int]:
        """Forget a thread's states, but for the newest; the thread stays.

        The last state of a thread that is busy stays, too: its run may have to be
        resumed from there.

        Args:
            thread_id: the thread.
            keep_latest: how many states to keep.

        Returns:
            how many states were forgotten.

        Raises:
            ThreadNotFound: there is no such thread.
        """
        check_limit(keep_latest, "keep_latest")
        check_id(thread_id, "thread id")
        with self._house.store.read() as snapshot:
            if snapshot.thread(thread_id) is None:
                words = f"Thread {thread_id!r} does not exist."
                raise ThreadNotFound(words, thread_id=thread_id)
        policy = replace(_NOTHING, history=History(keep=keep_latest))
        asked = self._house.retain(Forget(policy, thread_id))
        follow_answer(asked, "delete_history", thread_id=thread_id)
        return asked.map(lambda forgotten: forgotten["states"])
