"""PostgreSQL's store keeps the contract of test_operation_log."""

from tests.cluster.again import about_any_store
from tests.storage import test_operation_log as contract

globals().update(about_any_store(contract))
