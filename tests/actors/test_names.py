"""Names of a session's threads, and the dict that sessions without any share."""

from typing import Any

import pytest

from weft.actors.names import NO_NAMES, drop_name, with_name


class Named:
    """As much of a thread as its name is about."""

    def __init__(self, thread_name: str, thread_id: str) -> None:
        self.thread_name = thread_name
        self.thread_id = thread_id


def named(name: str, thread_id: str) -> Any:
    return Named(name, thread_id)


def test_the_first_name_makes_a_dict_of_the_sessions_own() -> None:
    names = with_name(NO_NAMES, named("a", "1"))
    assert {"a": "1"} == names
    assert names is with_name(names, named("b", "2"))
    assert {"a": "1", "b": "2"} == names
    assert {} == NO_NAMES


def test_what_all_share_cannot_be_written() -> None:
    with pytest.raises(TypeError):
        NO_NAMES["a"] = "1"


def test_a_name_is_dropped_unless_it_is_another_threads_by_now() -> None:
    names = with_name(NO_NAMES, named("a", "1"))
    drop_name(names, "a", named("a", "2"))
    assert {"a": "1"} == names
    drop_name(names, "a", named("a", "1"))
    assert {} == names
    drop_name(NO_NAMES, "a", named("a", "1"))
