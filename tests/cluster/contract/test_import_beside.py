"""PostgreSQL's store keeps the contract of test_import_beside."""

from tests.cluster.again import about_any_store
from tests.storage import test_import_beside as contract

globals().update(about_any_store(contract))
