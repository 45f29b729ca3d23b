"""The contract about rows, kept by a client as well."""

import pytest

from tests.actors import test_association_operations
from tests.daemon.client.contract import contract

pytestmark = pytest.mark.long  # the paths are short, and the same for all records

globals().update(contract(test_association_operations))
