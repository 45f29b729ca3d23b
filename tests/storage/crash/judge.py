"""Opens what a crash left, with the real store, and says what is wrong with it.

What must hold (DESIGN: all or nothing, durable before the answer, exactly one effect,
one order, fenced, crash), told per state:

* the store opens and holds byte for byte what it held after some commit group, and no
  earlier one than the last acknowledged. So nothing acknowledged is lost, nothing is
  half there, `seq` has no gap, revisions and tombstones are those of that moment;
* every fourth state is opened as a whole data directory, with lock and mark, and
  written to: the last group in it, submitted again, is answered as it was first, and
  the next one is applied as it was in the recording.

Once for each content: the three-way check is clean, the invariants told from the bytes
hold, every operation up to it has its first answer, none after it is known, and the
examination that a reboot brings finds the file sound.

On a disk that lies about its syncs less can be promised: what is lost is lost, but no
value is read that was never written. :class:`TruthJudge` demands that.
"""

from pathlib import Path
from typing import Final

import msgspec

from tests.storage.crash.recording import Recording, answer_of, fingerprint
from tests.storage.crash.states import CrashState
from tests.storage.invariants import broken
from weft.storage import LmdbStore, SessionThreadException, codec
from weft.storage.check import check
from weft.storage.examine import examine_here
from weft.storage.keys import TREES
from weft.storage.lmdb import LmdbEngine
from weft.storage.mark import MARK_NAME, Mark
from weft.storage.store import TreeStore

__all__ = ["Judge", "TruthJudge"]

MAP_SIZE_BYTES: Final = 1 << 24

WRITTEN: Final = 4
"""Every so many states are written to; what is read of each is the same."""


class Judge:
    """Judges the states of one recording.

    Args:
        recording: what the states are of.
        directory: a data directory to put them into.
    """

    def __init__(self, recording: Recording, directory: Path) -> None:
        self._recording = recording
        self._directory = directory
        self._file = directory / "store" / "data.mdb"
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.touch()
        self._mark = directory / MARK_NAME
        then = msgspec.json.decode(recording.mark, type=Mark)
        mark = Mark.of(self._file, then.seq, then.txnid, clean=then.clean)
        self._marked = msgspec.json.encode(mark)
        self._sound: dict[int, list[str]] = {}
        self._seen = 0
        self._places = {what: n for n, what in enumerate(recording.contents)}

    def faults(self, state: CrashState) -> list[str]:
        """Return a sentence for each thing that is wrong with a state."""
        self._put(state)
        self._seen += 1
        known = len(self._sound)
        try:
            store = self._open()
            try:
                found = self._judge(store, state)
            finally:
                store.close()
            if len(self._sound) > known:
                self._put(state)
                found += map(str, examine_here(self._file.parent).damages)
            return found
        except SessionThreadException as error:
            return self._told(error)
        except Exception as error:  # noqa: BLE001 - any other is a finding, too
            return [f"an error without a name: {error!r}"]

    def _open(self) -> TreeStore:
        if self._seen % WRITTEN == 0:
            return LmdbStore(self._directory, map_size_bytes=MAP_SIZE_BYTES)
        engine = LmdbEngine(self._file.parent, map_size_bytes=MAP_SIZE_BYTES)
        try:
            return TreeStore(engine)
        except BaseException:
            engine.close()
            raise

    def _put(self, state: CrashState) -> None:
        self._file.write_bytes(state.image)
        self._mark.write_bytes(self._marked)

    def _told(self, error: SessionThreadException) -> list[str]:
        return [f"it cannot be used: {error}"]

    def _judge(self, store: TreeStore, state: CrashState) -> list[str]:
        with store.read() as snapshot:
            place = self._places.get(fingerprint(snapshot))
        if place is None:
            return ["it holds what no commit left"]
        if place < state.acknowledged:
            lost = state.acknowledged - place
            return [f"{lost} acknowledged groups are lost"]
        if place not in self._sound:
            self._sound[place] = self._examine(store, place)
        if self._seen % WRITTEN == 0:
            return self._sound[place] + self._go_on(store, place)
        return self._sound[place]

    def _examine(self, store: TreeStore, place: int) -> list[str]:
        """Look at a content that was not seen before from all sides."""
        groups = self._recording.groups
        before = [one for group in groups[:place] for one in group]
        after = [one for group in groups[place:] for one in group]
        with store.read() as snapshot:
            found = [str(finding) for finding in check(snapshot).inconsistencies]
            found += broken(snapshot)
            known = [one for one in after if snapshot.operation(one.op_id) is not None]
        found += [f"{one.op_id} is known before its time" for one in known]
        for outcome in store.apply(before):
            op_id = outcome.operation.op_id
            if not outcome.replayed:
                found.append(f"{op_id} has a second effect")
            if self._recording.answers[op_id] != answer_of(outcome):
                found.append(f"{op_id} has another answer than its first")
        return found

    def _go_on(self, store: TreeStore, place: int) -> list[str]:
        """Repeat the last group and apply the next one, as the recording did."""
        groups, contents = self._recording.groups, self._recording.contents
        again = [
            one for group in groups[max(0, place - 1) : place + 1] for one in group
        ]
        found = [
            f"{outcome.operation.op_id} is answered in another way after the crash"
            for outcome in store.apply(again)
            if self._recording.answers[outcome.operation.op_id] != answer_of(outcome)
        ]
        with store.read() as snapshot:
            if contents[min(place + 1, len(contents) - 1)] != fingerprint(snapshot):
                found.append("writing on after the crash leaves another content")
        return found


class TruthJudge(Judge):
    """Judges what a lying disk leaves: no value is read that was never written."""

    def _told(self, _error: SessionThreadException) -> list[str]:
        return []  # damage that is told is no untruth

    def _judge(self, store: TreeStore, state: CrashState) -> list[str]:  # noqa: ARG002
        found = []
        with store.read() as snapshot:
            for tree in TREES:
                for key, value in snapshot.entries(tree):
                    try:
                        codec.decode(tree, key, value)
                    except SessionThreadException:
                        continue  # told as damaged
                    if value not in self._recording.history.get((tree, key), ()):
                        found.append(f"{tree}:{key!r} was read and never written")
        return found
