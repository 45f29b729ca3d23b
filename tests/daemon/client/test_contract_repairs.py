"""The contract about checks and repairs, kept by a client as well."""

import pytest

from tests.actors import test_synchroniser
from tests.daemon.client.contract import contract

pytestmark = pytest.mark.long  # the paths are short, and the same for all records

globals().update(contract(test_synchroniser))
