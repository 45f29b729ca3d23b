"""What a store shows by its public reads, in the terms of the model's world."""

from typing import Any

from tests.storage.model_world import Fields
from weft.storage.items_reader import ItemReader
from weft.storage.snapshot import Snapshot


def seen(snapshot: Snapshot) -> Fields:
    """Return what a store shows, in the terms of `World.image`, by its public reads."""
    sessions = list(snapshot.sessions())
    threads = [t for s in sessions for t in snapshot.threads(s.session_id)]
    rows = [
        r
        for s in sessions
        for r in snapshot.associations(s.session_id, active_only=False)
    ]
    return {
        "sessions": {
            s.session_id: {
                "user": s.user_id,
                "metadata": bytes(s.metadata_raw),
                "status": s.status,
                "rev": s.rev,
            }
            for s in sessions
        },
        "threads": {t.thread_id: _thread(snapshot, t) for t in threads},
        "names": sorted(
            (s.session_id, name, i)
            for s in sessions
            for name, i in snapshot.names(s.session_id)
        ),
        "rows": {
            (r.session_id, r.thread_id): {
                "name": r.thread_name,
                "active": r.is_active,
                "version": r.version,
            }
            for r in rows
        },
        "runs": {
            r.run_id: {"thread": r.thread_id, "status": r.status, "attempt": r.attempt}
            for t in threads
            for r in snapshot.runs(t.thread_id)
        },
        "interactions": sorted(
            (s.session_id, i.interaction_id)
            for s in sessions
            for i in snapshot.interactions(s.session_id)
        ),
        "items": {
            (i.namespace, i.key): {
                "value": bytes(i.value_raw),
                "ttl": i.ttl_us,
                "until": i.expires_at_us,
                "created": i.created_at_us,
            }
            for i in ItemReader(snapshot, 0).items()  # the expired ones as well
        },
    }


def _thread(snapshot: Snapshot, thread: Any) -> Fields:
    states = [
        (s.step, s.state_id, bytes(s.values_raw))
        for s in snapshot.states(thread.thread_id)
    ]
    return {
        "session": thread.session_id,
        "name": thread.thread_name,
        "rev": thread.rev,
        "status": thread.status,
        "run": thread.run_id,
        "config": bytes(thread.config_raw),
        "metadata": bytes(thread.metadata_raw),
        "states": states[::-1],
    }
