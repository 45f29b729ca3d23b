"""The contract of the coordinator and the handles, kept by a client as well."""

from tests.actors import test_coordinator, test_handles, test_queries
from tests.daemon.client.contract import contract

globals().update(contract(test_coordinator, test_handles, test_queries))
