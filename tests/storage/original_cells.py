"""Plants whose cells cannot be used; :mod:`tests.storage.original_drift`."""

from tests.storage.original import ASSOCIATIONS, AT_US, LONG, Original, text


def other_words(o: Original, at: str) -> None:
    """Nothing is wrong: a numbered user, and a status that has to be kept."""
    o.session(at, user_id=7, status="paused")
    o.becomes("session", at, user="7", metadata={"k": at, "status": "paused"})


def refused_session(o: Original, at: str) -> None:
    row = o.session(LONG, user_id=at)["row"]
    o.vanishes("session", LONG)
    o.finds("refused_id", "sessions", row)


def refused_thread(o: Original, at: str) -> None:
    for bad in ("", None, f"{at}\n", b"bytes"):
        row = o.thread(bad, at, "n")
        o.vanishes("thread", bad)
        o.finds("refused_id", "threads", row)


def refused_association(o: Original, at: str) -> None:
    o.whole(o.session(at), f"{at}-t", "n")
    pairs: list[tuple[object, object]] = [(at, None), (None, f"{at}-t"), (at, b"7")]
    for pair in pairs:
        row = o.row(pair[0], pair[1], "n")
        o.vanishes("association", pair)
        o.finds("refused_id", ASSOCIATIONS, row)


def refused_item(o: Original, at: str) -> None:
    session = o.session(at)
    session["thread_ids"] += [5, LONG]
    o.whole(session, f"{at}-t", "n")
    o.finds("refused_id", "sessions", session["row"])
    o.finds("refused_id", "sessions", session["row"])


def bad_list(o: Original, at: str) -> None:
    for number, words in enumerate(("{no", '"text"', "5", "[" * 100_000)):
        session = o.session(f"{at}-{number}", thread_ids=words)
        o.thread(f"{at}-{number}", f"{at}-{number}", "n")
        o.row(f"{at}-{number}", f"{at}-{number}", "n")
        o.finds("bad_list", "sessions", session["row"])


def bad_metadata(o: Original, at: str) -> None:
    row = o.session(at, metadata="{no", thread_ids=[f"{at}-t"])["row"]
    o.becomes("session", at, metadata={"unreadable": "{no"})
    o.finds("bad_metadata", "sessions", row)
    row = o.thread(f"{at}-t", at, "n", metadata="[1]", config=b"\xff")
    key = f"{at}-t"
    o.becomes(
        "thread", key, metadata={"unreadable": "[1]"}, config={"unreadable": b"\xff"}
    )
    o.finds("bad_metadata", "threads", row)
    o.finds("bad_metadata", "threads", row)
    row = o.row(at, f"{at}-t", "n", metadata='{"n": 99999999999999999999999}')
    words = {"unreadable": '{"n": 99999999999999999999999}'}
    o.becomes("association", (at, f"{at}-t"), metadata=words)
    o.finds("bad_metadata", ASSOCIATIONS, row)


def bad_time(o: Original, at: str) -> None:
    session = o.session(at, created_at="yesterday", updated_at=text(9))
    o.becomes("session", at, created=9, updated=9)
    o.finds("bad_time", "sessions", session["row"])
    cells: tuple[tuple[dict[str, object], str, int], ...] = (
        ({"created_at": None}, "updated", 1),
        ({"updated_at": "junk"}, "created", 1),
        ({"created_at": b"", "updated_at": ""}, "thread", 2),
        ({"updated_at": text(5)}, "created", 1),
    )
    for number, (cell, kept, faults) in enumerate(cells):
        thread_id = f"{at}-{number}"
        o.thread(thread_id, at, thread_id)
        session["thread_ids"].append(thread_id)
        row = o.row(at, thread_id, thread_id, **cell)
        *_, created, updated, _ = o.image["association"][at, thread_id]
        times = {
            "updated": (updated, updated),
            "created": (created, created),
            "thread": o.image["thread"][thread_id][-2:],
        }[kept]
        key = (at, thread_id)
        o.becomes("association", key, created=times[0], updated=times[1])
        for _ in range(faults):
            o.finds("bad_time", ASSOCIATIONS, row)


def no_time(o: Original, at: str) -> None:
    """A session and a thread whose times nobody knows: the migration's."""
    session = o.session(at, created_at=None, updated_at=None)
    o.becomes("session", at, created=AT_US, updated=AT_US)
    o.thread(f"{at}-t", at, "n", created_at="?", updated_at=None)
    o.finds("bad_time", "threads", len(o.threads))
    session["thread_ids"].append(f"{at}-t")
    o.row(at, f"{at}-t", "n", created_at=0, updated_at=1_700_000_000_123)
    times = {"created": 0, "updated": 1_700_000_000_123_000}
    o.becomes("association", (at, f"{at}-t"), **times)
    o.becomes("thread", f"{at}-t", **times)


def bad_name(o: Original, at: str) -> None:
    session = o.session(at)
    session["thread_ids"] += [f"{at}-1", f"{at}-2"]
    o.thread(f"{at}-1", at, "recorded")
    row = o.row(at, f"{at}-1", None)
    o.becomes("association", (at, f"{at}-1"), name="recorded")
    o.finds("bad_name", ASSOCIATIONS, row)
    o.thread(f"{at}-2", at, "")
    o.finds("bad_name", "threads", len(o.threads))
    row = o.row(at, f"{at}-2", "a\tb")
    o.finds("bad_name", ASSOCIATIONS, row)
    o.becomes("thread", f"{at}-2", name=f"{at}-2")
    o.becomes("association", (at, f"{at}-2"), name=f"{at}-2")


def bad_value(o: Original, at: str) -> None:
    session = o.session(at, user_id=b"a", status=b"\xff")
    o.becomes("session", at, user=None)
    o.finds("bad_value", "sessions", session["row"])
    o.finds("bad_value", "sessions", session["row"])
    row = o.whole(session, f"{at}-t", "n")
    o.rows[-1] |= {"is_active": "maybe", "association_id": "\x00"}
    o.finds("bad_value", ASSOCIATIONS, row)
    o.finds("bad_value", ASSOCIATIONS, row)
    o.becomes("association", (at, f"{at}-t"), given=f"{at}/{at}-t")


def null_active(o: Original, at: str) -> None:
    row = o.whole(o.session(at), f"{at}-t", "n")
    o.rows[-1]["is_active"] = None
    o.finds("bad_value", ASSOCIATIONS, row)
