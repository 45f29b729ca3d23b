"""PostgreSQL's store keeps the contract of test_store."""

from tests.cluster.again import about_any_store
from tests.storage import test_store as contract

globals().update(about_any_store(contract))
