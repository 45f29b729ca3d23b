"""PostgreSQL's store keeps the contract of test_rules_turns."""

from tests.cluster.again import about_any_store
from tests.storage import test_rules_turns as contract

globals().update(about_any_store(contract))
