"""Where an item of the key-value store lies: one tree, a namespace is a range.

====  ==============================================  ===========================
tree  key                                             value
====  ==============================================  ===========================
K     02 | part | 00, for each part of the namespace  Item
      | 01 | key
====  ==============================================  ===========================

A part stands in its UTF-8 bytes, 00 as 01 01 and 01 as 01 02, so that any text will do
and the order is that of the parts; the item's own key comes last and needs no escape.
What a namespace's items begin with, those of the namespaces below it begin with too: a
prefix is a range, and within it a namespace's own items come before those below.

What Weft itself keeps stands under the part ``__weft__``, which is the byte 03 here: no
range of anybody else's holds it, the whole store's least of all.
"""

from typing import Final

from weft.storage.errors import InvalidArgument
from weft.storage.keys import KEY_SIZE_BYTES_MAX, Key

__all__ = [
    "ITEM",
    "SYSTEM",
    "Namespace",
    "behind",
    "below",
    "check_item_key",
    "item_key",
    "items_prefix",
]

Namespace = tuple[str, ...]

ITEM: Final = "item"

SYSTEM: Final = "__weft__"
"""The first part of namespaces that are the system's own."""

_TREE: Final = "K"
_END, _KEY, _PART, _SYSTEM = b"\x00", b"\x01", b"\x02", b"\x03"


def item_key(namespace: Namespace, key: str) -> Key:
    """Where an item lies, whether or not the store could take it there."""
    raw = _packed(namespace) + _KEY + key.encode(errors="surrogatepass")
    return (ITEM, namespace, key, _TREE, raw)


def check_item_key(namespace: Namespace, key: str) -> Key:
    """Return where an item lies, if it may lie there.

    Raises:
        InvalidArgument: the namespace has no part, or an empty one; it or the key is
            no text; together they are too long.
    """
    parts = (*namespace, key)
    if not namespace or not all(namespace):
        raise InvalidArgument("A namespace has one part or more, and none is empty.")
    if not all(isinstance(part, str) for part in parts):
        raise InvalidArgument("A namespace and a key are made of strings.")
    try:
        "".join(parts).encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument("The namespace or key is no valid text.") from error
    found = item_key(namespace, key)
    size_bytes = len(found[-1])
    if size_bytes > KEY_SIZE_BYTES_MAX:
        raise InvalidArgument(
            f"Namespace and key take {size_bytes} bytes, two for each part counted; "
            f"at most {KEY_SIZE_BYTES_MAX} are allowed."
        )
    return found


def items_prefix(namespace: Namespace) -> bytes:
    """What the keys of the items in a namespace and below it begin with.

    Args:
        namespace: without a part it is that of all items but the system's own.
    """
    return _packed(namespace) or _PART


def below(namespace: Namespace) -> bytes:
    """Where the namespaces below one begin, behind its own items."""
    return _packed(namespace) + _PART


def behind(namespace: Namespace) -> bytes:
    """Where what follows a namespace begins, behind all that is below it."""
    return _packed(namespace) + b"\xff"


def _packed(namespace: Namespace) -> bytes:
    if namespace and namespace[0] == SYSTEM:
        return _SYSTEM + _packed(namespace[1:])
    return b"".join(_PART + _escaped(part) + _END for part in namespace)


def _escaped(part: str) -> bytes:
    data = part.encode(errors="surrogatepass")
    return data.replace(b"\x01", b"\x01\x02").replace(b"\x00", b"\x01\x01")
