"""Weft under other people's frameworks; each module but `adapters` needs an extra."""

from weft.integrations import adapters

__all__ = ["adapters"]
