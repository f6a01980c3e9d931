"""Everything that can go wrong, as one tree of exceptions.

ZooKeeperError
├── ServerError      the server refused: one class for each error number
├── NetworkError     the network lost something; `maybe_applied` says what that leaves open
├── ProtocolError    the peer broke the protocol: its connection is dropped
└── UsageError       the caller got it wrong: nothing was sent

Across it stands OutcomeUnknown: any of these, where what was asked for may have been done nevertheless.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from zc.zk.codes import ErrorCode


class ZooKeeperError(Exception):
    """The root of every error that this package raises for a reason of its own."""

    @property
    def maybe_applied(self) -> bool:
        """Whether what failed may have taken effect nevertheless; then this is an `OutcomeUnknown`, too."""
        return isinstance(self, OutcomeUnknown)

    @maybe_applied.setter
    def maybe_applied(self, maybe_applied: bool) -> None:
        if maybe_applied != self.maybe_applied:
            own = type(self)
            self.__class__ = _unknown(own) if maybe_applied else own.__bases__[1]


class OutcomeUnknown(ZooKeeperError):  # noqa: N818 (it says what is the matter)
    """Marks every error after which what was asked for may have been done nevertheless.

    Never raised as such: a `ConnectionLoss` whose `maybe_applied` is true is an `OutcomeUnknown` as well, and so is an
    `OperationTimeoutError`, a `SessionExpiredError` and any other.
    """

    def __reduce__(self) -> tuple[Any, ...]:  # Any: as `object.__reduce__`
        return _unknown_again, (type(self).__bases__[1], self.args, vars(self))


_UNKNOWN: dict[type[ZooKeeperError], type[ZooKeeperError]] = {}


def _unknown(cls: type[ZooKeeperError]) -> type[ZooKeeperError]:
    # `except` goes by classes alone: an error whose outcome is unknown is of another class, of the same name.
    if cls not in _UNKNOWN:
        names = {key: getattr(cls, key) for key in ("__module__", "__qualname__", "__doc__")}
        _UNKNOWN[cls] = type(cls.__name__, (OutcomeUnknown, cls), names)
    return _UNKNOWN[cls]


def _unknown_again(
    cls: type[ZooKeeperError], args: tuple[Any, ...], state: dict[str, Any]
) -> ZooKeeperError:
    error = cls.__new__(cls, *args)
    vars(error).update(state)
    error.maybe_applied = True
    return error


class CodedError(ZooKeeperError):
    """An error that the protocol has a number for.

    `code` is that number, `path` the node that was asked about, where there is one.
    """

    code: ClassVar[int] = 0
    meaning: ClassVar[str] = "error"

    def __init__(self, path: str | None = None) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.meaning}: {self.path}" if self.path else self.meaning


class ServerError(CodedError):
    """The server answered with an error number."""


class NetworkError(CodedError):
    """The connection or the session ended, or time ran out, before an answer came."""

    def __init__(
        self, path: str | None = None, *, reason: str = "", maybe_applied: bool = False
    ) -> None:
        super().__init__(path)
        self.reason = reason
        self.maybe_applied = maybe_applied

    def __str__(self) -> str:
        text = super().__str__()
        if self.reason:
            text += f" ({self.reason})"
        if self.maybe_applied:
            text += "; it may have been applied"
        return text


class ProtocolError(ZooKeeperError):
    """The peer sent bytes that cannot be: its connection is dropped."""


class ResponseTooLargeError(ProtocolError):
    """The answer is longer than this client accepts; asking again would not help."""


class UsageError(ZooKeeperError):
    """The caller got it wrong; nothing was sent."""


class ArgumentTypeError(UsageError, TypeError):
    """An argument is of a type that cannot be."""


class ArgumentError(UsageError, ValueError):
    """An argument has a value that cannot be."""


class RequestTooLargeError(ArgumentError):
    """The request is longer than servers accept (`jute.maxbuffer`, 1 MiB)."""


class ForkedClientError(UsageError):
    """The client belongs to the parent process: open a new one after `fork`."""


class FailedConnect(NetworkError):  # noqa: N818 (the name is zc.zk's)
    """No server could be reached in time.

    `attempts` lists each endpoint tried, with the reason of its last failure.
    """

    def __init__(self, attempts: Sequence[tuple[str, str]], seconds: float) -> None:
        super().__init__()
        self.attempts = tuple(attempts)
        self.seconds = seconds

    def __str__(self) -> str:
        tried = "; ".join(f"{endpoint}: {reason}" for endpoint, reason in self.attempts)
        return f"no ZooKeeper server within {self.seconds:g} s ({tried or 'none was tried'})"


class VersionUnknownError(ZooKeeperError):
    """No four-letter word that the servers allow tells their version; `answer` is what they said instead."""

    def __init__(self, answer: str) -> None:
        super().__init__(answer)
        self.answer = answer

    def __str__(self) -> str:
        return f"the server does not tell its version: {self.answer.strip()[:200]!r}"


class LockTimeout(ZooKeeperError):  # noqa: N818 (the documented name)
    """A lock was not acquired in time; for recipes."""


class CancelledError(ZooKeeperError):
    """What was waited for was cancelled by another thread; for recipes."""


_BY_CODE: dict[int, type[CodedError]] = {}
E = TypeVar("E", bound=CodedError)


def _coded(code: ErrorCode, meaning: str) -> Callable[[type[E]], type[E]]:
    def register(cls: type[E]) -> type[E]:
        cls.code = int(code)
        cls.meaning = meaning
        _BY_CODE[cls.code] = cls
        return cls

    return register


def error_for(code: int, path: str | None) -> CodedError:
    """Return the exception for an error number of a reply."""
    cls = _BY_CODE.get(code)
    return UnknownError(code, path) if cls is None else cls(path)


class UnknownError(ServerError):
    """The server answered with an error number that this version does not know."""

    meaning = "unknown error code"

    def __init__(self, number: int, path: str | None = None) -> None:
        super().__init__(path)
        self.number = number

    def __str__(self) -> str:
        return f"{self.meaning} {self.number}" + (f": {self.path}" if self.path else "")


@_coded(ErrorCode.CONNECTION_LOSS, "connection lost")
class ConnectionLoss(NetworkError):  # noqa: N818 (ZooKeeper's name)
    """The connection dropped while the request was out, or there was none for a request that would not wait.

    Of a write whose outcome the node itself may tell, `session_id` is the session that asked for it, and `zxid` a
    transaction that came before it; both are 0 otherwise.
    """

    session_id = 0
    zxid = 0


@_coded(ErrorCode.SESSION_EXPIRED, "session expired")
class SessionExpiredError(NetworkError):
    """The session ended; its ephemeral nodes are gone or going."""


class ConnectionClosedError(SessionExpiredError):
    """The client was closed, or never started."""

    meaning = "client closed"


@_coded(ErrorCode.OPERATION_TIMEOUT, "no answer in time")
class OperationTimeoutError(NetworkError):
    """The deadline of the call passed without an answer."""


@_coded(ErrorCode.SESSION_MOVED, "session moved to another server")
class SessionMovedError(NetworkError):
    """The session is now attached to another server."""


@_coded(ErrorCode.REQUEST_TIMEOUT, "request timed out")
class RequestTimeoutError(NetworkError):
    """The request took longer than the client's own bound."""


@_coded(ErrorCode.SYSTEM_ERROR, "system error")
class SystemZookeeperError(ServerError):
    """The server could not, whatever was asked; its own number is a mark, and not sent normally.

    `ConnectionLoss` and `OperationTimeoutError` have numbers of that range, but are a `NetworkError`.
    """


@_coded(ErrorCode.RUNTIME_INCONSISTENCY, "not tried, because an earlier operation failed")
class RuntimeInconsistency(SystemZookeeperError):  # noqa: N818 (ZooKeeper's name)
    """An operation of a transaction that was not reached."""


class RolledBackError(ServerError):
    """An operation of a transaction that succeeded, and was undone because a later one failed."""

    meaning = "undone, because a later operation failed"


@_coded(ErrorCode.DATA_INCONSISTENCY, "data inconsistency")
class DataInconsistency(SystemZookeeperError):  # noqa: N818 (ZooKeeper's name)
    """The server found its data inconsistent."""


@_coded(ErrorCode.MARSHALLING_ERROR, "the server could not read the request")
class MarshallingError(SystemZookeeperError):
    """The server could not read the request."""


@_coded(ErrorCode.UNIMPLEMENTED, "not implemented by this server")
class UnimplementedError(SystemZookeeperError):
    """The server does not know the operation."""


@_coded(ErrorCode.BAD_ARGUMENTS, "bad arguments")
class BadArgumentsError(SystemZookeeperError):
    """The server refused the arguments."""


@_coded(ErrorCode.UNKNOWN_SESSION, "session unknown to the server")
class UnknownSessionError(SystemZookeeperError):
    """The server does not know the session any more."""


@_coded(ErrorCode.NEW_CONFIG_NO_QUORUM, "no quorum of the new configuration is up to date")
class NewConfigNoQuorumError(SystemZookeeperError):
    """Too few members of the new configuration are connected to the leader to go over to it."""


@_coded(ErrorCode.RECONFIG_IN_PROGRESS, "another reconfiguration is in progress")
class ReconfigInProgressError(SystemZookeeperError):
    """The ensemble is being reconfigured already."""


@_coded(ErrorCode.API_ERROR, "API error")
class APIError(ServerError):
    """The mark of the user-level errors; not sent normally."""


@_coded(ErrorCode.NO_NODE, "no such node")
class NoNodeError(ServerError):
    """The node does not exist; for one to create, its parent, and `child` is the node to create.

    `chroot` is the path that the client's root has at the server, where it is the root that a server does not have.
    """

    def __init__(self, path: str | None = None, child: str | None = None) -> None:
        super().__init__(path)
        self.child = child
        self.chroot = ""

    def __str__(self) -> str:
        text = super().__str__()
        if self.chroot:
            text = f"{text}, for the chroot {self.chroot} is missing"
        return text if self.child is None else f"{text} (the parent of {self.child})"


@_coded(ErrorCode.NO_AUTH, "not permitted by the node's ACL")
class NoAuthError(ServerError):
    """No identity of this connection has the permission."""


@_coded(ErrorCode.BAD_VERSION, "the node has another version")
class BadVersionError(ServerError):
    """The version given is not the node's."""


@_coded(ErrorCode.NO_CHILDREN_FOR_EPHEMERALS, "an ephemeral node cannot have children")
class NoChildrenForEphemeralsError(ServerError):
    """The parent of the node to create is ephemeral."""


@_coded(ErrorCode.NODE_EXISTS, "node exists")
class NodeExistsError(ServerError):
    """The node to create is there already.

    `owner` is the id of the session that owns it, where that was found out.
    """

    def __init__(self, path: str | None = None, owner: int | None = None) -> None:
        super().__init__(path)
        self.owner = owner

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.owner is None else f"{text} (owned by session {self.owner:#x})"


@_coded(ErrorCode.NOT_EMPTY, "node has children")
class NotEmptyError(ServerError):
    """The node to delete has children."""


@_coded(ErrorCode.INVALID_CALLBACK, "invalid callback")
class InvalidCallbackError(ServerError):
    """A callback is not valid; not sent by servers."""


@_coded(ErrorCode.INVALID_ACL, "invalid ACL")
class InvalidACLError(ServerError):
    """The ACL is empty, or has a scheme or id that the server does not accept."""


@_coded(ErrorCode.AUTH_FAILED, "authentication failed")
class AuthFailedError(ServerError):
    """We could not prove to a server who we are, or it could not to us: the client has stopped for good.

    `scheme` is what was tried, `server` the `host:port` that it was tried with, `reason` what was wrong; each is empty
    where it is not known. What was to prove it is never part of the error.
    """

    def __init__(
        self, path: str | None = None, *, scheme: str = "", server: str = "", reason: str = ""
    ) -> None:
        super().__init__(path)
        self.scheme = scheme
        self.server = server
        self.reason = reason

    def about(self, path: str | None) -> "AuthFailedError":
        """Return the same failure for a call that it ended."""
        return AuthFailedError(path, scheme=self.scheme, server=self.server, reason=self.reason)

    def __str__(self) -> str:
        text = super().__str__()
        facts = [
            *([f"scheme {self.scheme}"] if self.scheme else []),
            *([f"server {self.server}"] if self.server else []),
            *([self.reason] if self.reason else []),
        ]
        return f"{text} ({', '.join(facts)})" if facts else text


@_coded(ErrorCode.NOT_READ_ONLY, "the server is read-only")
class NotReadOnlyCallError(ServerError):
    """A write was sent to a read-only server."""


@_coded(ErrorCode.EPHEMERAL_ON_LOCAL_SESSION, "a local session cannot own an ephemeral node")
class EphemeralOnLocalSessionError(ServerError):
    """The session is local and may not be upgraded."""


@_coded(ErrorCode.NO_WATCHER, "no such watch")
class NoWatcherError(ServerError):
    """There is no watch of that kind on the path."""


@_coded(ErrorCode.RECONFIG_DISABLED, "reconfiguration is disabled")
class ReconfigDisabledError(ServerError):
    """The ensemble does not allow to be reconfigured."""


@_coded(ErrorCode.SESSION_CLOSED_REQUIRE_SASL_AUTH, "the server requires authentication")
class SessionClosedRequireSaslError(ServerError):
    """The server closes connections that did not authenticate."""


@_coded(ErrorCode.QUOTA_EXCEEDED, "quota exceeded")
class QuotaExceededError(ServerError):
    """A hard quota forbids the write."""


@_coded(ErrorCode.THROTTLED_OP, "throttled by the server")
class ThrottledOpError(ServerError):
    """The server was too busy to execute the operation."""
