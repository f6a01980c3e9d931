from tests.samples import ONE_OF_EACH
from zc.zk.operations import OPERATIONS


def test_there_is_a_sample_of_every_operation() -> None:
    assert {type(operation) for operation, _ in ONE_OF_EACH} == set(OPERATIONS.values())
