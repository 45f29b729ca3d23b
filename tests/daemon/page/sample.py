"""A small world for the pages to show: sessions, threads, talks, moves, mishaps."""

import random
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx

from tests.daemon.page.serving import Api

PEOPLE: Final = {
    "alice": ("holiday", "budget-2027", "release-notes"),
    "bob": ("support-4711", "reading-list"),
    "carol": ("research", "draft-of-the-talk", "hiring", "on-call"),
    "dave": ("budget-review",),
    "erin": ("translations", "support-4713"),
    "frank": ("weekly-summary",),
}
QUESTIONS: Final = (
    "Which trains leave for Lisbon on Friday?",
    "And the night train?",
    "Book two berths, please.",
)
PAUSE_S: Final = 0.03
CALLERS: Final = 4
JOIN_S: Final = 10.0
THREADS_MAX: Final = 5  # of a session, so that the tree keeps its shape


def talk(number: int) -> list[dict[str, Any]]:
    """Return the states that a talk leaves, each a little longer than the last."""
    messages: list[dict[str, str]] = []
    states = []
    for turn, question in enumerate(QUESTIONS[:number], 1):
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": f"Let me look. ({turn})"})
        plan = {"place": "Lisbon", "berths": 2 if turn == len(QUESTIONS) else 0}
        states.append({"messages": [*messages], "turn": turn, "plan": plan})
    return states


def furnish(api: Api) -> dict[str, str]:
    """Make the sessions with their threads; return the threads' ids by name."""
    ids: dict[str, str] = {}
    for person, names in PEOPLE.items():
        metadata = {"plan": "team", "locale": "en"} if person == "alice" else {}
        api.made("/sessions", session_id=person, user_id=person, metadata=metadata)
        threads = [{"name": name, "workflow": "assistant"} for name in names]
        made = api.made(f"/sessions/{person}/threads", threads=threads)
        ids |= made["threads"]
    for thread_id in ids.values():
        api.run(thread_id, states=talk(1), pause_s=PAUSE_S)
    for turns, pause_s in ((2, PAUSE_S), (3, 2 * PAUSE_S), (2, 2 * PAUSE_S), (3, 0)):
        api.run(ids["holiday"], states=talk(turns), pause_s=pause_s)
    _say(api, "alice", ids["holiday"])
    move = {"to_session_id": "alice", "new_thread_name": "budget"}
    api.made(f"/threads/{ids['budget-review']}/transfer", **move)
    _fail(api, ids["support-4713"])
    return ids


def _say(api: Api, session_id: str, thread_id: str) -> None:
    for question in QUESTIONS:
        what = {"interaction_type": "message", "content": question}
        path = f"/sessions/{session_id}/interactions"
        api.made(path, thread_id=thread_id, **what)


def _fail(api: Api, thread_id: str) -> None:
    body = {"workflow": "fail", "config": {"words": "the ticket system is down"}}
    api.post(f"/threads/{thread_id}/executions", json=body)


@contextmanager
def living(api: Api, thread_ids: Collection[str]) -> Iterator[None]:
    """Let people go on with these threads, and new ones, for the time of a with block.

    Args:
        api: of the daemon.
        thread_ids: those that are left alone.
    """
    over = threading.Event()
    people = [
        threading.Thread(target=_live, args=(api.url, over, number, thread_ids))
        for number in range(CALLERS)
    ]
    for one in people:
        one.start()
    try:
        yield
    finally:
        over.set()
        for one in people:
            one.join(JOIN_S)


def _live(
    url: str, over: threading.Event, number: int, spared: Collection[str]
) -> None:
    choose = random.Random(number)
    with Api(base_url=url, timeout=JOIN_S) as api:
        while not over.wait(choose.expovariate(12)):
            try:
                _act(api, choose, spared)
            except httpx.HTTPStatusError:  # a refusal belongs to a living load
                continue


def _act(api: Api, choose: random.Random, spared: Collection[str]) -> None:
    session_id, to = choose.sample(list(PEOPLE), 2)
    threads = [
        thread["thread_id"]
        for thread in api.seen(f"/sessions/{session_id}/threads")["threads"]
        if thread["thread_id"] not in spared
    ]
    if len(threads) < 2:
        name = f"{choose.choice(['notes', 'plan', 'question'])}-{choose.randint(1, 99)}"
        new = [{"name": name, "workflow": "assistant"}]
        api.made(f"/sessions/{session_id}/threads", threads=new)
    elif choose.random() < 0.05 and len(api.names(to)) < THREADS_MAX:
        thread_id = choose.choice(threads)
        api.made(f"/threads/{thread_id}/transfer", to_session_id=to)
    else:
        states = talk(choose.randint(1, 3))
        pause_s = choose.choice([0, 0, PAUSE_S])
        api.run(choose.choice(threads), states=states, pause_s=pause_s)
