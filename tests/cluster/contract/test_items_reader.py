"""PostgreSQL's store keeps the contract of test_items_reader."""

from tests.cluster.again import about_any_store
from tests.storage import test_items_reader as contract

globals().update(about_any_store(contract))
