"""PostgreSQL's store keeps the contract of test_check_live."""

from tests.cluster.again import about_any_store
from tests.storage import test_check_live as contract

globals().update(about_any_store(contract))
