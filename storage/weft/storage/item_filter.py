"""Which items a search wants, told from what they hold.

A filter is a mapping of fields to what they must be: a value, or a mapping of operators
to operands (``$eq``, ``$ne``, ``$gt``, ``$gte``, ``$lt``, ``$lte``), all of which must
hold. A mapping without operators is looked for field by field, a list item by item; a
field that is not there is None. Numbers compare with numbers and strings with strings;
what has no order with its operand is not wanted.
"""

from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import Any, Final

from weft.storage.errors import InvalidArgument

__all__ = ["check_filter", "is_wanted"]

_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "$gt": gt,
    "$gte": ge,
    "$lt": lt,
    "$lte": le,
}
_OPERATORS: Final = ("$eq", "$ne", *_ORDERS)


def check_filter(wanted: object) -> None:
    """Look whether all operators of a filter are known.

    Raises:
        InvalidArgument: one is not; or it is no mapping with strings as keys.
    """
    if not isinstance(wanted, Mapping):
        raise InvalidArgument(f"A filter is a mapping, not {type(wanted).__name__}.")
    for field, value in wanted.items():
        if not isinstance(field, str):
            raise InvalidArgument(f"A filter names fields by strings, not {field!r}.")
        _check(value)


def _check(value: object) -> None:
    if isinstance(value, list | tuple):
        for one in value:
            _check(one)
    elif isinstance(value, Mapping):
        if _has_operators(value):
            unknown = sorted({*map(str, value)} - {*_OPERATORS})
            if unknown:
                raise InvalidArgument(
                    f"A filter knows no {', '.join(unknown)}; "
                    f"it knows {', '.join(_OPERATORS)}."
                )
        else:
            check_filter(value)


def is_wanted(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether a value has what a filter asks for.

    Args:
        value: of an item.
        wanted: the filter, checked.
    """
    return all(_agrees(value.get(field), one) for field, one in wanted.items())


def _agrees(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if _has_operators(wanted):
            return all(_holds(value, *test) for test in wanted.items())
        return isinstance(value, Mapping) and is_wanted(value, wanted)
    if isinstance(wanted, list | tuple):
        return (
            isinstance(value, list | tuple)
            and len(value) == len(wanted)
            and all(map(_agrees, value, wanted))
        )
    return _is_same(value, wanted)


def _holds(value: Any, operator: str, operand: Any) -> bool:
    if operator == "$eq":
        return _is_same(value, operand)
    if operator == "$ne":
        return not _is_same(value, operand)
    kind = _kind(operand)
    is_ordered = kind in {float, str} and _kind(value) is kind
    return is_ordered and _ORDERS[operator](value, operand)


def _is_same(value: Any, other: Any) -> bool:
    return _kind(value) is _kind(other) and bool(value == other)


def _kind(value: Any) -> type:
    """Return the type a value has in JSON, which has one type of numbers."""
    return float if type(value) is int else type(value)


def _has_operators(value: Mapping[Any, Any]) -> bool:
    return any(isinstance(key, str) and key.startswith("$") for key in value)
