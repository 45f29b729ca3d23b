"""PostgreSQL's store keeps the contract of test_repair."""

from tests.cluster.again import about_any_store
from tests.storage import test_repair as contract

globals().update(about_any_store(contract))
