import inspect

import pytest

from zc.zk import errors, exceptions
from zc.zk.errors import NodeExistsError, ServerError, ZooKeeperError

DOCUMENTED = """
    ZookeeperError AuthFailedError BadVersionError ConfigurationError InvalidACLError LockTimeout
    NoChildrenForEphemeralsError NodeExistsError NoNodeError NotEmptyError
    APIError BadArgumentsError CancelledError ConnectionDropped ConnectionClosedError ConnectionLoss DataInconsistency
    MarshallingError NoAuthError NotReadOnlyCallError InvalidCallbackError OperationTimeoutError RolledBackError
    RuntimeInconsistency SessionExpiredError SessionMovedError SystemZookeeperError UnimplementedError
    WriterNotClosedException ZookeeperStoppedError
"""
AS_IN_C = [name for name in exceptions.__all__ if name.endswith("Exception")]


@pytest.mark.parametrize("name", DOCUMENTED.split())
def test_a_documented_name_is_in_our_tree(name: str) -> None:
    assert name in exceptions.__all__
    assert issubclass(getattr(exceptions, name), ZooKeeperError)


def test_every_name_is_exported_once() -> None:
    found = {
        name
        for name, value in vars(exceptions).items()
        if inspect.isclass(value) and name[0] != "_"
    }

    assert found - set(exceptions.__all__) == {"CodedError", "UsageError"}  # ours alone
    assert len(exceptions.__all__) == len(found) - 2


@pytest.mark.parametrize("name", AS_IN_C)
def test_a_name_of_the_c_library_is_another_name_of_the_same(name: str) -> None:
    kind = getattr(exceptions, name)
    stem = name.removesuffix("Exception").removesuffix("Error")

    if name != "WriterNotClosedException":
        assert kind.__module__ == errors.__name__
        assert kind.__name__.lower().replace("zookeeper", "").startswith(stem.lower())


def test_what_the_protocol_has_a_number_for_is_one_branch() -> None:
    with pytest.raises(exceptions.ZookeeperError):
        raise exceptions.ConnectionLoss("/a")
    with pytest.raises(exceptions.NodeExistsException) as caught:
        raise NodeExistsError("/a")

    assert isinstance(caught.value, ServerError)


def test_names_that_mean_the_same_here_are_the_same() -> None:
    assert exceptions.ConnectionDropped is errors.ConnectionLoss
    assert exceptions.ZookeeperStoppedError is errors.ConnectionClosedError
    assert exceptions.ConfigurationError is errors.UsageError


def test_a_name_for_what_cannot_happen_says_so() -> None:
    assert "Never raised" in str(exceptions.WriterNotClosedException.__doc__)
