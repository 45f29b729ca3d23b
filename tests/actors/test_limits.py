"""Queues that are fair, gates that are exact."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from tests.actors.support import LONG_S, in_threads
from weft.actors.limits import KEYS_REMEMBERED_MAX, FairQueue, Gate, Seat


@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_nobody_is_served_twice_while_another_waits_for_the_first(keys: str) -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    for number, key in enumerate(keys):
        queue.put(key, (key, number))
    order = [item for item in (queue.take() for _ in keys) if item is not None]
    assert queue.take() is None
    assert sorted(enumerate(keys)) == sorted((n, key) for key, n in order)
    seen: dict[str, int] = dict.fromkeys("abc", 0)
    for item in order:
        waiting = {key for key in seen if keys.count(key) > seen[key]}
        assert seen[item[0]] == min(seen[key] for key in waiting)
        seen[item[0]] += 1


def test_who_comes_late_waits_for_one_of_each_not_for_all() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(100):
        queue.put("alice", "alice")
    queue.take()
    queue.put("bob", "bob")
    assert "bob" in [queue.take() for _ in range(2)]


def test_keys_are_forgotten() -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(3 * KEYS_REMEMBERED_MAX):
        queue.put(f"{number}", number)
        assert number == queue.take()
    assert len(queue._last_turns) <= KEYS_REMEMBERED_MAX + 1


def test_no_place_is_lost_or_given_twice_whoever_races() -> None:
    gate, inside, most, left = Gate(3), list[None](), list[int](), list[None]()
    done = threading.Event()

    def run() -> None:
        for _ in range(200):
            seat = Seat((gate,))

            def entered(seat: Seat = seat) -> None:
                inside.append(None)
                most.append(len(inside))
                inside.pop()
                left.append(None)
                seat.leave()
                if len(left) == 800:
                    done.set()

            seat.enter("key", entered)

    in_threads([run] * 4)
    assert done.wait(LONG_S)
    assert max(most) <= 3
    assert (0, 0) == (gate.taken, gate.waiting)


def test_who_gives_way_lets_one_in_and_comes_back_at_once() -> None:
    gate, order = Gate(1), list[str]()
    first, second, third = (Seat((gate,)) for _ in range(3))
    first.enter("a", lambda: order.append("first"))
    second.enter("a", lambda: order.append("second"))
    third.enter("a", lambda: order.append("third"))
    first.give_way()
    assert ["first", "second"] == order
    first.take_back()
    assert 2 == gate.taken
    second.leave()
    assert ["first", "second"] == order  # one is in, as many as may be
    first.leave()
    third.leave()
    assert ["first", "second", "third"] == order
    assert 0 == gate.taken


def test_who_left_while_it_gave_way_does_not_come_back() -> None:
    gate = Gate(1)
    seat = Seat((gate,))
    seat.enter("a", lambda: None)
    seat.give_way()
    seat.leave()
    seat.take_back()
    seat.leave()
    assert 0 == gate.taken
