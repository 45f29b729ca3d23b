"""PostgreSQL's store keeps the contract of test_graph."""

from tests.cluster.again import about_any_store
from tests.storage import test_graph as contract

globals().update(about_any_store(contract))
