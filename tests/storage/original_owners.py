"""Plants whose rows contradict each other; :mod:`tests.storage.original_drift`."""

import json

from tests.storage.original import ASSOCIATIONS, AT_US, Original, text


def history(o: Original, at: str) -> None:
    """Nothing is wrong: the thread once was another session's."""
    o.whole(o.session(at), f"{at}-t", "n")
    o.session(f"{at}-past")
    o.row(f"{at}-past", f"{at}-t", "former", is_active=0)


def closed(o: Original, at: str) -> None:
    """Nothing is wrong: a closed session without threads."""
    o.session(at, status="closed")
    o.becomes("session", at, status="closed")


def duplicate_session(o: Original, at: str) -> None:
    o.whole(o.session(at), f"{at}-t", "n")
    o.finds("duplicate_session", "sessions", o.session(at, user_id="other")["row"])


def duplicate_thread(o: Original, at: str) -> None:
    o.whole(o.session(at), f"{at}-t", "n")
    o.finds("duplicate_thread", "threads", o.thread(f"{at}-t", at, "other"))


def duplicate_association(o: Original, at: str) -> None:
    session = o.session(at)
    o.thread(f"{at}-t", at, "n")
    session["thread_ids"].append(f"{at}-t")
    o.row(at, f"{at}-t", "n", updated_at=text(AT_US - 1))
    o.becomes("association", (at, f"{at}-t"), updated=AT_US - 1)
    past = o.row(at, f"{at}-t", "n", is_active=0, updated_at=text(AT_US))
    old = o.row(at, f"{at}-t", "n", metadata="{}")
    for row in (past, old):
        o.finds("duplicate_association", ASSOCIATIONS, row)


def duplicate_association_id(o: Original, at: str) -> None:
    session = o.session(at)
    o.whole(session, f"{at}-1", "1")
    row = o.whole(session, f"{at}-2", "2")
    o.rows[-1]["association_id"] = o.rows[-2]["association_id"]
    o.becomes("association", (at, f"{at}-2"), given=f"{at}/{at}-2")
    o.finds("duplicate_association_id", ASSOCIATIONS, row)


def listed_twice(o: Original, at: str) -> None:
    session = o.session(at)
    o.whole(session, f"{at}-t", "n")
    session["thread_ids"].append(f"{at}-t")
    o.finds("listed_twice", "sessions", session["row"])


def listed_by_two(o: Original, at: str) -> None:
    other = o.session(f"{at}-0")
    o.whole(o.session(at), f"{at}-t", "n")
    other["thread_ids"].append(f"{at}-t")
    o.finds("duplicate_owner", "sessions", other["row"])


def associated_with_two(o: Original, at: str) -> None:
    """The thread's own record decides between two active associations."""
    o.session(f"{at}-0")
    wrong = o.row(f"{at}-0", f"{at}-t", "wrong", updated_at=text(AT_US))
    o.becomes("association", (f"{at}-0", f"{at}-t"), active=False, updated=AT_US)
    o.whole(o.session(at), f"{at}-t", "n")
    o.finds("duplicate_owner", ASSOCIATIONS, wrong)


def latest_of_two(o: Original, at: str) -> None:
    """Nobody else knows: the association that was updated last decides."""
    o.session(f"{at}-0", thread_ids=None)
    o.session(f"{at}-1", thread_ids=None)
    o.thread(f"{at}-t", None, "n")
    o.becomes("thread", f"{at}-t", session=f"{at}-1")
    row = o.row(f"{at}-0", f"{at}-t", "n")
    o.becomes("association", (f"{at}-0", f"{at}-t"), active=False)
    o.finds("duplicate_owner", ASSOCIATIONS, row)
    o.row(f"{at}-1", f"{at}-t", "n", updated_at=text(AT_US))
    o.becomes("association", (f"{at}-1", f"{at}-t"), updated=AT_US)


def listed_of_two(o: Original, at: str) -> None:
    """Of two associations the one whose session lists the thread, not the later."""
    o.session(f"{at}-0", thread_ids=[f"{at}-t"])
    o.session(f"{at}-1")
    o.thread(f"{at}-t", None, "n")
    o.becomes("thread", f"{at}-t", session=f"{at}-0")
    o.row(f"{at}-0", f"{at}-t", "n")
    row = o.row(f"{at}-1", f"{at}-t", "n", updated_at=text(AT_US))
    o.becomes("association", (f"{at}-1", f"{at}-t"), active=False, updated=AT_US)
    o.finds("duplicate_owner", ASSOCIATIONS, row)


def former_owner(o: Original, at: str) -> None:
    """Who has given it away is not the owner, whatever its list and the record say."""
    former = o.session(f"{at}-0", thread_ids=[f"{at}-t"])["row"]
    owner = o.session(at, thread_ids=[f"{at}-t"])["row"]
    record = o.thread(f"{at}-t", f"{at}-0", "n")
    o.row(f"{at}-0", f"{at}-t", "former", is_active=0)
    o.becomes("thread", f"{at}-t", session=at)
    o.made(at, f"{at}-t")
    o.finds("missing_association", "sessions", owner)
    o.finds("duplicate_owner", "sessions", former)
    o.finds("owner_mismatch", "threads", record)


def session_that_is_gone(o: Original, at: str) -> None:
    """A session with a record comes before an active association without one."""
    row = o.row(f"{at}-gone", f"{at}-t", "n")
    o.vanishes("association", (f"{at}-gone", f"{at}-t"))
    o.finds("association_without_session", ASSOCIATIONS, row)
    o.thread(f"{at}-t", None, "n")
    o.becomes("thread", f"{at}-t", session=at)
    listed = o.session(at, thread_ids=[f"{at}-t"])["row"]
    o.made(at, f"{at}-t")
    o.finds("missing_association", "sessions", listed)


def owner_mismatch(o: Original, at: str) -> None:
    o.session(f"{at}-0")
    o.whole(o.session(at), f"{at}-t", "n")
    o.threads[-1]["session_id"] = f"{at}-0"
    o.finds("owner_mismatch", "threads", len(o.threads))


def owner_mismatch_in_metadata(o: Original, at: str) -> None:
    o.whole(o.session(at), f"{at}-t", "n")
    o.threads[-1]["metadata"] = json.dumps({"session_id": "gone", "x": 1})
    o.becomes("thread", f"{at}-t", metadata={"session_id": at, "x": 1})
    o.finds("owner_mismatch", "threads", len(o.threads))


def name_mismatch(o: Original, at: str) -> None:
    o.whole(o.session(at), f"{at}-t", "n")
    o.threads[-1] |= {"name": "other", "metadata": '{"name": "third"}'}
    o.becomes("thread", f"{at}-t", metadata={"name": "n"})
    o.finds("name_mismatch", "threads", len(o.threads))


def name_collision(o: Original, at: str) -> None:
    session = o.session(at)
    for number in range(3):
        o.whole(session, f"{at}-{number}", "same")
    o.whole(session, f"{at}-4", f"same~{at}-2")
    for number, name in ((1, f"same~{at}-1"), (2, f"same~{at}-2~2")):
        o.becomes("thread", f"{at}-{number}", name=name)
        o.becomes("association", (at, f"{at}-{number}"), name=name)
        row = len(o.threads) - 3 + number
        o.finds("name_collision", "threads", row)


def long_collision(o: Original, at: str) -> None:
    session = o.session(at)
    name = "\N{SNOWMAN}" * 85
    o.whole(session, f"{at}-0", name)
    o.whole(session, f"{at}-1", name)
    short = "\N{SNOWMAN}" * ((255 - 1 - len(f"{at}-1")) // 3) + f"~{at}-1"
    o.becomes("thread", f"{at}-1", name=short)
    o.becomes("association", (at, f"{at}-1"), name=short)
    o.finds("name_collision", "threads", len(o.threads))


def orphan_association(o: Original, at: str) -> None:
    o.session(at)
    for active in (0, 1):
        pair = (at, f"{at}-{active}")
        row = o.row(*pair, "n", is_active=active)
        o.vanishes("association", pair)
        o.finds("orphan_association", ASSOCIATIONS, row)


def orphan_thread(o: Original, at: str) -> None:
    row = o.session(at, thread_ids=[f"{at}-ghost"])["row"]
    o.finds("orphan_thread", "sessions", row)


def association_without_session(o: Original, at: str) -> None:
    o.whole(o.session(at), f"{at}-t", "n")
    for active in (0, 1):
        pair = (f"{at}-gone-{active}", f"{at}-t")
        row = o.row(*pair, "n", is_active=active)
        o.vanishes("association", pair)
        o.finds("association_without_session", ASSOCIATIONS, row)


def session_without_record(o: Original, at: str) -> None:
    o.thread(f"{at}-t", at, "n")
    row = o.row(at, f"{at}-t", "n")
    o.made_session(at)
    o.finds("session_without_record", ASSOCIATIONS, row)
    o.whole(o.session(f"{at}-0"), f"{at}-u", "n")
    row = o.row(at, f"{at}-u", "former", is_active=0)
    o.vanishes("association", (at, f"{at}-u"))
    o.finds("association_without_session", ASSOCIATIONS, row)


def listed_without_association(o: Original, at: str) -> None:
    session = o.session(at, thread_ids=[f"{at}-t"])
    o.thread(f"{at}-t", None, "n")
    o.becomes("thread", f"{at}-t", session=at)
    o.made(at, f"{at}-t")
    o.finds("missing_association", "sessions", session["row"])


def recorded_without_association(o: Original, at: str) -> None:
    o.session(at, thread_ids=None)
    row = o.thread(f"{at}-t", at, None)
    o.becomes("thread", f"{at}-t", name=f"{at}-t")
    o.made(at, f"{at}-t")
    o.finds("missing_association", "threads", row)


def inactive_at_its_owner(o: Original, at: str) -> None:
    row = o.whole(o.session(at), f"{at}-t", "n")
    o.rows[-1]["is_active"] = 0
    o.finds("missing_association", ASSOCIATIONS, row)


def missing_thread(o: Original, at: str) -> None:
    o.session(at)
    o.thread(f"{at}-t", at, "n")
    o.finds("missing_thread", ASSOCIATIONS, o.row(at, f"{at}-t", "n"))


def thread_without_owner(o: Original, at: str) -> None:
    o.session(at)
    row = o.thread(f"{at}-t", None, f"{at}-n")
    o.row(at, f"{at}-t", "former", is_active=0)
    o.becomes("thread", f"{at}-t", session="orphans")
    o.made("orphans", f"{at}-t")
    o.made_session("orphans")
    o.finds("thread_without_owner", "threads", row)


def closed_session(o: Original, at: str) -> None:
    session = o.session(at, status="closed")
    o.whole(session, f"{at}-t", "n")
    o.becomes("session", at, metadata={"k": at, "status": "closed"})
    o.finds("closed_session", "sessions", session["row"])
