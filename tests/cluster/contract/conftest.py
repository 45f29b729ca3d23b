"""Which part of the contract is run when.

The whole of it takes half a minute: it is run where everything is required
(``WEFT_REQUIRE_ALL=1``). Otherwise the engine's is, and the random operations of
test_images say in a few seconds whether the rest is worth asking.
"""

import os

if os.environ.get("WEFT_REQUIRE_ALL") != "1":
    collect_ignore_glob = ["test_[!e]*", "test_export.py"]
