"""Where items lie: any text, a namespace one range, in the order of its parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.storage.errors import InvalidArgument
from weft.storage.keys import KEY_SIZE_BYTES_MAX, TREES
from weft.storage.keys_items import (
    SYSTEM,
    Namespace,
    behind,
    below,
    check_item_key,
    item_key,
    items_prefix,
)

text = st.text(st.characters(codec="utf-8"), max_size=8)
parts = st.one_of(text, st.sampled_from(["\0", "\1", "\1\1", "\2", "a", "a\0", SYSTEM]))
labels = parts.filter(bool)
namespaces = st.lists(labels, min_size=1, max_size=4).map(tuple)
prefixes = st.lists(labels, max_size=3).map(tuple)


def raw(namespace: Namespace, key: str) -> bytes:
    found: bytes = item_key(namespace, key)[-1]
    return found


@given(namespaces, parts, namespaces, parts)
def test_two_items_share_a_place_only_if_they_are_the_same(
    one: Namespace, key: str, other: Namespace, name: str
) -> None:
    assert ((one, key) == (other, name)) == (raw(one, key) == raw(other, name))


@given(prefixes, namespaces, parts)
def test_the_range_of_a_namespace_holds_its_items_and_no_others(
    prefix: Namespace, namespace: Namespace, key: str
) -> None:
    is_in = namespace[: len(prefix)] == prefix
    if not prefix:
        is_in = namespace[0] != SYSTEM
    assert is_in == raw(namespace, key).startswith(items_prefix(prefix))


@given(namespaces, parts, namespaces, parts)
def test_items_are_ordered_by_namespace_and_then_by_key(
    one: Namespace, key: str, other: Namespace, name: str
) -> None:
    if SYSTEM in (one[0], other[0]):
        return
    first = [part.encode() for part in one], key.encode()
    second = [part.encode() for part in other], name.encode()
    assert (first < second) == (raw(one, key) < raw(other, name))


@given(namespaces, parts, labels)
def test_what_is_below_a_namespace_lies_between_its_own_items_and_its_end(
    namespace: Namespace, key: str, part: str
) -> None:
    own, deeper = raw(namespace, key), raw((*namespace, part), key)
    assert own < below(namespace) <= deeper < behind(namespace)


def test_items_lie_in_a_tree_of_their_own() -> None:
    assert "K" in TREES
    assert "K" == check_item_key(("a",), "k")[-2]


@pytest.mark.parametrize("namespace", [(), ("",), ("a", "")])
def test_a_namespace_without_parts_or_with_an_empty_one_is_refused(
    namespace: Namespace,
) -> None:
    with pytest.raises(InvalidArgument, match="one part or more"):
        check_item_key(namespace, "k")


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="no valid text"):
        check_item_key(("a",), "\ud800")


def test_the_longest_key_fits_and_one_byte_more_is_refused() -> None:
    longest = "k" * (KEY_SIZE_BYTES_MAX - len("aa") - 3)
    assert KEY_SIZE_BYTES_MAX == len(check_item_key(("aa",), longest)[-1])
    with pytest.raises(InvalidArgument, match="take 512 bytes"):
        check_item_key(("aa",), longest + "k")
