"""PostgreSQL's store keeps the contract of test_rules_sessions."""

from tests.cluster.again import about_any_store
from tests.storage import test_rules_sessions as contract

globals().update(about_any_store(contract))
