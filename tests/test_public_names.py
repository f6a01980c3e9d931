"""What `import zc.zk` promises."""

import inspect
import subprocess
import sys

import pytest

import zc.zk
from zc.zk.errors import ZooKeeperError

PROMISED = """
    ZooKeeper ZK Client State KeeperState EventType Stat WatchedEvent Children Properties CancelWatch FailedConnect
    DigestMD5 GSSAPI make_acl make_digest_acl make_digest_acl_credential make_sasl_acl make_x509_acl
    parse_addr world_permission OPEN_ACL_UNSAFE READ_ACL_UNSAFE CREATOR_ALL_ACL ACL Id Permissions encode decode
    ZooKeeperError NoNodeError NodeExistsError NotEmptyError BadVersionError NoAuthError InvalidACLError
    NoChildrenForEphemeralsError AuthFailedError ConnectionLoss SessionExpiredError ConnectionClosedError
    OperationTimeoutError ForkedClientError ProtocolError UnknownError BadArgumentsError UnimplementedError
    MarshallingError APIError NotReadOnlyCallError QuotaExceededError NoWatcherError RuntimeInconsistency
    Transaction AsyncResult ClientInfo RolledBackError RequestTooLargeError ReconfigDisabledError NewConfigNoQuorumError
    ReconfigInProgressError EphemeralOnLocalSessionError ThrottledOpError AddWatchMode WatcherType UsageError
    ArgumentError ArgumentTypeError
    SystemZookeeperError LockTimeout CancelledError
    OutcomeUnknown Retry ForceRetryError RetryFailedError RetryInterruptedError
"""


@pytest.mark.parametrize("name", PROMISED.split())
def test_a_promised_name_is_public(name: str) -> None:
    assert name in zc.zk.__all__
    assert hasattr(zc.zk, name)


def test_every_public_name_is_there_and_has_a_docstring() -> None:
    for name in zc.zk.__all__:
        value = getattr(zc.zk, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name


def test_all_errors_are_one_tree() -> None:
    errors = [getattr(zc.zk, name) for name in zc.zk.__all__]

    for error in errors:
        if inspect.isclass(error) and issubclass(error, Exception):
            assert issubclass(error, ZooKeeperError), error


def test_zk_is_short_for_zookeeper() -> None:
    assert zc.zk.ZK is zc.zk.ZooKeeper


def test_public_methods_have_docstrings() -> None:
    for face in (
        zc.zk.ZooKeeper,
        zc.zk.Client,
        zc.zk.Children,
        zc.zk.Properties,
        zc.zk.Transaction,
    ):
        for name, method in inspect.getmembers(face):
            if not name.startswith("_") and callable(method):
                assert inspect.getdoc(method), f"{face.__name__}.{name}"


def fresh(program: str) -> str:
    """Give what a program prints, in a process that has imported nothing of ours yet."""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    return run.stdout.strip()


def test_the_first_look_sees_all_public_names() -> None:
    assert fresh("import zc.zk; print(set(zc.zk.__all__) <= set(dir(zc.zk)))") == "True"


def test_a_module_can_be_reached_by_its_name() -> None:
    assert fresh("import zc.zk; print(zc.zk.errors.__name__)") == "zc.zk.errors"


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'zc.zk' has no attribute 'nonsense'$"):
        zc.zk.nonsense  # type: ignore[attr-defined]  # noqa: B018 (the look is the point)


def test_what_a_module_lacks_is_told() -> None:
    program = """
import sys, zc.zk
sys.modules["zc.zk.codes"] = None  # as if it were not installed
try:
    zc.zk.errors
except ModuleNotFoundError as error:
    print(error.name)
"""

    assert fresh(program) == "zc.zk.codes"
