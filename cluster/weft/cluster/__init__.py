"""Weft past one machine: PostgreSQL as the store, Ray to place its shards."""

__all__: list[str] = []
