"""The contract about what runs show, kept by a client as well."""

from tests.actors import test_run_streams
from tests.daemon.client.contract import contract

globals().update(contract(test_run_streams))
