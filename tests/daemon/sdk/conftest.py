"""Where LangGraph is missing, the tests of its clients are skipped, and say so."""

from tests.integrations.conftest import (
    NEEDED,
    is_missing,
    pytest_pycollect_makemodule,
)

__all__ = ["pytest_pycollect_makemodule"]

if not any(map(is_missing, NEEDED)):
    from tests.daemon.sdk.serving import client, runtime, url

    __all__ += ["client", "runtime", "url"]
