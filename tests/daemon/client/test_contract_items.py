"""The contract about items, kept by a client as well."""

from tests.actors import test_item_operations
from tests.daemon.client.contract import contract

globals().update(contract(test_item_operations))
