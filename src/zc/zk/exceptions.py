"""The names that the documented kazoo client has for our exceptions: one tree serves whoever catches either.

`except ConnectionDropped` catches a `ConnectionLoss`, and `except NoNodeException` a `NoNodeError`: they are the same.
Where a name stands for nothing that can happen here, its docstring says so.
"""

from zc.zk.errors import (
    APIError,
    AuthFailedError,
    BadArgumentsError,
    BadVersionError,
    CancelledError,
    CodedError,
    ConnectionClosedError,
    ConnectionLoss,
    DataInconsistency,
    InvalidACLError,
    InvalidCallbackError,
    LockTimeout,
    MarshallingError,
    NoAuthError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    NotReadOnlyCallError,
    OperationTimeoutError,
    RolledBackError,
    RuntimeInconsistency,
    SessionExpiredError,
    SessionMovedError,
    SystemZookeeperError,
    UnimplementedError,
    UsageError,
    ZooKeeperError,
)

__all__ = [
    "APIError",
    "ApiErrorException",
    "AuthFailedError",
    "AuthFailedException",
    "BadArgumentsError",
    "BadArgumentsException",
    "BadVersionError",
    "BadVersionException",
    "CancelledError",
    "ConfigurationError",
    "ConnectionClosedError",
    "ConnectionDropped",
    "ConnectionLoss",
    "ConnectionLossException",
    "DataInconsistency",
    "DataInconsistencyException",
    "InvalidACLError",
    "InvalidACLException",
    "InvalidCallbackError",
    "InvalidCallbackException",
    "LockTimeout",
    "MarshallingError",
    "MarshallingErrorException",
    "NoAuthError",
    "NoAuthException",
    "NoChildrenForEphemeralsError",
    "NoChildrenForEphemeralsException",
    "NoNodeError",
    "NoNodeException",
    "NodeExistsError",
    "NodeExistsException",
    "NotEmptyError",
    "NotEmptyException",
    "NotReadOnlyCallError",
    "OperationTimeoutError",
    "OperationTimeoutException",
    "RolledBackError",
    "RuntimeInconsistency",
    "RuntimeInconsistencyException",
    "SessionExpiredError",
    "SessionExpiredException",
    "SessionMovedError",
    "SystemErrorException",
    "SystemZookeeperError",
    "UnimplementedError",
    "UnimplementedException",
    "WriterNotClosedException",
    "ZooKeeperError",
    "ZookeeperError",
    "ZookeeperStoppedError",
]

ZookeeperError = CodedError  # whatever the protocol has a number for, the network's losses among it
ConfigurationError = UsageError
ConnectionDropped = ConnectionLoss
ZookeeperStoppedError = ConnectionClosedError


class WriterNotClosedException(ZooKeeperError):  # noqa: N818 (the documented name)
    """Never raised: stopping a client is bounded and does not fail. It is here for those who catch it."""


# As the C library calls them.
ApiErrorException = APIError
AuthFailedException = AuthFailedError
BadArgumentsException = BadArgumentsError
BadVersionException = BadVersionError
ConnectionLossException = ConnectionLoss
DataInconsistencyException = DataInconsistency
InvalidACLException = InvalidACLError
InvalidCallbackException = InvalidCallbackError
MarshallingErrorException = MarshallingError
NoAuthException = NoAuthError
NoChildrenForEphemeralsException = NoChildrenForEphemeralsError
NoNodeException = NoNodeError
NodeExistsException = NodeExistsError
NotEmptyException = NotEmptyError
OperationTimeoutException = OperationTimeoutError
RuntimeInconsistencyException = RuntimeInconsistency
SessionExpiredException = SessionExpiredError
SystemErrorException = SystemZookeeperError
UnimplementedException = UnimplementedError
