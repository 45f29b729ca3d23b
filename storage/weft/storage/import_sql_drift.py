"""What can be wrong in a database of sessions and threads, and what is done about it.

Here is the one list of kinds; ``docs/import-export.md`` has it for readers.
"""

from typing import Final

__all__ = ["BROKEN", "RULES"]

RULES: Final = {
    "refused_id": "the row is left out",
    "refused_row": "it is left out",
    "bad_list": "it counts as not there",
    "bad_metadata": "it is kept as it was under 'unreadable'",
    "bad_time": "another time that is known of it takes its place",
    "bad_name": "the next name that is known of it takes its place",
    "bad_value": "the column's default takes its place",
    "duplicate_session": "the first row of this id stays",
    "duplicate_thread": "the first row of this id stays",
    "duplicate_association": "the active row stays, of several the last updated",
    "duplicate_association_id": "it gets an id made of its session and thread",
    "listed_twice": "it is listed once",
    "duplicate_owner": "the other session owns it; an association becomes inactive",
    "owner_mismatch": "its record names the owner",
    "name_mismatch": "the name of its association stays, or else of its record",
    "name_collision": "the younger thread gets its id behind its name",
    "orphan_association": "it is left out",
    "orphan_thread": "it is taken off the list",
    "association_without_session": "it is left out",
    "session_without_record": "its record is made again",
    "missing_association": "it is made, or made active again",
    "missing_thread": "it is put on the list",
    "thread_without_owner": "the session for such threads owns it",
    "closed_session": "it stays open, for it has threads",
}
"""What is done, by kind."""

BROKEN: Final = frozenset({"refused_id", "refused_row", "bad_list"})
"""Kinds by which something that was said is lost: the exit code tells of them."""
