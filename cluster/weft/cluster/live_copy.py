"""A store copied while it is written to, as a running machine's memory is.

A walk through the trees copies a stretch at a time; what is written behind it meanwhile
is noted (:mod:`weft.storage.departure`) and sent again. Each step takes the notes and a
view of the trees at one moment. So no view lives longer than a stretch, and memory
holds a stretch and the places of what has to be sent again.

Guarantees, after each step:
    * what the walk has passed is in the target as it was at the step's moment, but for
      the places that are waiting to be sent;
    * where the target was not empty at first, stretches are compared, and only what
      differs is sent.
"""

from itertools import islice

from weft.cluster.errors import MigrationDiverged
from weft.cluster.migration_target import Target
from weft.cluster.migration_walk import CHUNK_ENTRIES, NOT_COPIED, Walk, present
from weft.storage.departure import Departure, Moment, Place

__all__ = ["LiveCopy"]


class LiveCopy:
    """The copy of one store.

    Args:
        departure: of the store.
        target: where to.
        chunk_entries: how many entries a step copies at the most, and sends again.

    Attributes:
        walked: entries of the source that the walk has passed.
        verified: and that were compared afterwards.
        sent: entries that were put or deleted in the target.
        sent_bytes: keys and values of these.
    """

    def __init__(
        self,
        departure: Departure,
        target: Target,
        chunk_entries: int = CHUNK_ENTRIES,
    ) -> None:
        self._departure = departure
        self._target = target
        self._chunk_entries = chunk_entries
        self._walk = Walk(chunk_entries)
        self._check = Walk(chunk_entries)
        self._waiting: set[Place] = set()
        self.walked = self.verified = 0
        self.sent = self.sent_bytes = 0

    @property
    def is_whole(self) -> bool:
        """Whether the walk has passed everything."""
        return self._walk.is_done

    @property
    def is_verified(self) -> bool:
        """Whether everything has been compared."""
        return self._check.is_done

    @property
    def waiting(self) -> int:
        """How many places have to be sent again."""
        return len(self._waiting)

    def step(self) -> None:
        """Copy one stretch, and send again some of what has changed behind it."""
        with self._departure.moment() as moment:
            self._note(moment)
            stretch = self._walk.next(moment.trees)
            changes = self._due(moment)
        again = set(changes)
        if self._target.is_empty:
            changes |= stretch.entries
        else:
            changes |= self._target.differences(stretch)
        self._send(changes, again)
        self._walk.move_past(stretch)
        self.walked += len(stretch.items)

    def follow(self) -> int:
        """Send again some of what has changed; return how many places that were."""
        with self._departure.moment() as moment:
            self._note(moment)
            changes = self._due(moment)
        self._send(changes, set(changes))
        return len(changes)

    def verify(self) -> None:
        """Compare one stretch with its source.

        Raises:
            MigrationDiverged: they differ where nobody has written.
        """
        with self._departure.moment() as moment:
            self._note(moment)
            stretch = self._check.next(moment.trees)
            changes = self._due(moment)
        self._send(changes, set(changes))
        wrong = self._target.differences(stretch).keys() - self._waiting
        if wrong:
            places = [f"{tree} {key.hex()}" for tree, key in islice(sorted(wrong), 10)]
            raise MigrationDiverged(details={"count": len(wrong), "places": places})
        self._check.move_past(stretch)
        self.verified += len(stretch.items)

    def drain(self, moment: Moment) -> None:
        """Send again all that has changed, while nobody writes."""
        self._note(moment)
        while self._waiting:
            changes = self._due(moment)
            self._send(changes, set(changes))

    def _note(self, moment: Moment) -> None:
        """Take note of what was written; what lies ahead comes with its stretch."""
        written = moment.written - NOT_COPIED
        self._waiting |= set(filter(self._walk.is_past, written))

    def _due(self, moment: Moment) -> dict[Place, bytes | None]:
        places = sorted(islice(self._waiting, self._chunk_entries))
        return present(moment.trees, places)

    def _send(self, changes: dict[Place, bytes | None], again: set[Place]) -> None:
        self._target.write(changes)
        self._waiting -= again
        self.sent += len(changes)
        self.sent_bytes += sum(
            len(key) + len(value or b"") for (_, key), value in changes.items()
        )
