"""PostgreSQL's store keeps the contract of test_repeated_operations."""

from tests.cluster.again import about_any_store
from tests.storage import test_repeated_operations as contract

globals().update(about_any_store(contract))
