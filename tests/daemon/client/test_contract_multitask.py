"""The contract about several runs of one thread, kept by a client as well."""

from tests.actors import test_multitask
from tests.daemon.client.contract import contract

globals().update(contract(test_multitask))
