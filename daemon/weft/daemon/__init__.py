"""The ``weft`` command and the process it runs.

Importing this package imports click and nothing else of weight: ``weft --help`` is to
answer at once.
"""

from weft.daemon.main import cli

__all__ = ["cli"]
