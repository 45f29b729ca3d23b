"""PostgreSQL's store keeps the contract of test_items_kept."""

from tests.cluster.again import about_any_store
from tests.storage import test_items_kept as contract

globals().update(about_any_store(contract))
