"""What a store holds by its public reads, in the terms of the model's image."""

from typing import Any

from weft.storage import Snapshot


def seen(snapshot: Snapshot, prefix: str = "") -> dict[str, Any]:
    """Return what a store holds under ids that begin with a prefix, as the model."""
    sessions = [s for s in snapshot.sessions() if s.session_id.startswith(prefix)]
    threads = {
        thread.thread_id: thread
        for session in sessions
        for thread in snapshot.threads(session.session_id)
    }
    gone = {
        thread_id
        for record in snapshot.operations()
        for thread_id in record.thread_ids
        if thread_id.startswith(prefix)
    }
    rows = {
        thread_id: {
            row.session_id: (row.is_active, row.version)
            for row in snapshot.associations_by_thread(thread_id)
        }
        for thread_id in gone | set(threads)
    }
    return {
        "sessions": {
            session.session_id: (
                session.status,
                session.user_id,
                [i.content for i in snapshot.interactions(session.session_id)],
                dict(snapshot.names(session.session_id)),
            )
            for session in sessions
        },
        "threads": {
            thread_id: (
                thread.session_id,
                thread.thread_name,
                thread.rev,
                thread.status,
                [state.values for state in snapshot.states(thread_id)][::-1],
            )
            for thread_id, thread in threads.items()
        },
        "rows": {thread_id: found for thread_id, found in rows.items() if found},
    }
