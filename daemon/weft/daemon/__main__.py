"""``python -m weft.daemon`` is ``weft``."""

from weft.daemon.main import main

main()
