import inspect
import pickle

import pytest

from zc.zk import errors
from zc.zk.codes import ErrorCode
from zc.zk.errors import (
    ArgumentError,
    ArgumentTypeError,
    AuthFailedError,
    CodedError,
    ConnectionClosedError,
    ConnectionLoss,
    FailedConnect,
    NetworkError,
    NodeExistsError,
    NoNodeError,
    OperationTimeoutError,
    OutcomeUnknown,
    ProtocolError,
    RequestTooLargeError,
    ResponseTooLargeError,
    ServerError,
    SessionExpiredError,
    UnknownError,
    UsageError,
    ZooKeeperError,
    error_for,
)

CODED = [code for code in ErrorCode if code != ErrorCode.OK]
NETWORK = {
    ErrorCode.CONNECTION_LOSS,
    ErrorCode.SESSION_EXPIRED,
    ErrorCode.OPERATION_TIMEOUT,
    ErrorCode.SESSION_MOVED,
    ErrorCode.REQUEST_TIMEOUT,
}
TEXTS = {
    ErrorCode.SYSTEM_ERROR: "system error",
    ErrorCode.RUNTIME_INCONSISTENCY: "not tried, because an earlier operation failed",
    ErrorCode.DATA_INCONSISTENCY: "data inconsistency",
    ErrorCode.CONNECTION_LOSS: "connection lost",
    ErrorCode.MARSHALLING_ERROR: "the server could not read the request",
    ErrorCode.UNIMPLEMENTED: "not implemented by this server",
    ErrorCode.OPERATION_TIMEOUT: "no answer in time",
    ErrorCode.BAD_ARGUMENTS: "bad arguments",
    ErrorCode.UNKNOWN_SESSION: "session unknown to the server",
    ErrorCode.NEW_CONFIG_NO_QUORUM: "no quorum of the new configuration is up to date",
    ErrorCode.RECONFIG_IN_PROGRESS: "another reconfiguration is in progress",
    ErrorCode.API_ERROR: "API error",
    ErrorCode.NO_NODE: "no such node",
    ErrorCode.NO_AUTH: "not permitted by the node's ACL",
    ErrorCode.BAD_VERSION: "the node has another version",
    ErrorCode.NO_CHILDREN_FOR_EPHEMERALS: "an ephemeral node cannot have children",
    ErrorCode.NODE_EXISTS: "node exists",
    ErrorCode.NOT_EMPTY: "node has children",
    ErrorCode.SESSION_EXPIRED: "session expired",
    ErrorCode.INVALID_CALLBACK: "invalid callback",
    ErrorCode.INVALID_ACL: "invalid ACL",
    ErrorCode.AUTH_FAILED: "authentication failed",
    ErrorCode.SESSION_MOVED: "session moved to another server",
    ErrorCode.NOT_READ_ONLY: "the server is read-only",
    ErrorCode.EPHEMERAL_ON_LOCAL_SESSION: "a local session cannot own an ephemeral node",
    ErrorCode.NO_WATCHER: "no such watch",
    ErrorCode.REQUEST_TIMEOUT: "request timed out",
    ErrorCode.RECONFIG_DISABLED: "reconfiguration is disabled",
    ErrorCode.SESSION_CLOSED_REQUIRE_SASL_AUTH: "the server requires authentication",
    ErrorCode.QUOTA_EXCEEDED: "quota exceeded",
    ErrorCode.THROTTLED_OP: "throttled by the server",
}


@pytest.mark.parametrize("code", CODED)
def test_every_error_number_has_a_class_and_a_text_of_its_own(code: ErrorCode) -> None:
    error = error_for(code, "/a")

    assert error.code == code
    assert error.path == "/a"
    assert str(error) == f"{TEXTS[code]}: /a"


@pytest.mark.parametrize("code", CODED)
def test_what_the_network_lost_is_kept_apart_from_what_the_server_refused(code: ErrorCode) -> None:
    expected = NetworkError if code in NETWORK else ServerError

    assert isinstance(error_for(code, None), expected)


def test_an_error_without_a_path_names_none() -> None:
    assert str(error_for(ErrorCode.NO_NODE, None)) == "no such node"


def test_an_unknown_error_number_is_an_error_of_the_server_that_keeps_the_number() -> None:
    error = error_for(-99, "/a")

    assert isinstance(error, UnknownError)
    assert isinstance(error, ServerError)
    assert error.number == -99
    assert str(error) == "unknown error code -99: /a"
    assert str(error_for(7, None)) == "unknown error code 7"


def test_every_class_stands_under_one_root() -> None:
    classes = [each for _, each in inspect.getmembers(errors, inspect.isclass)]

    outside = [each for each in classes if each.__module__ == errors.__name__]

    assert [each for each in outside if not issubclass(each, ZooKeeperError)] == []


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (ConnectionLoss, NetworkError),
        (ConnectionClosedError, SessionExpiredError),
        (FailedConnect, NetworkError),
        (ResponseTooLargeError, ProtocolError),
        (ArgumentTypeError, TypeError),
        (ArgumentTypeError, UsageError),
        (ArgumentError, ValueError),
        (ArgumentError, UsageError),
        (RequestTooLargeError, ArgumentError),
    ],
)
def test_who_catches_the_base_catches_the_error(
    error: type[Exception], base: type[Exception]
) -> None:
    assert issubclass(error, base)


@pytest.mark.parametrize("branch", [ServerError, NetworkError, ProtocolError, UsageError])
def test_the_four_branches_do_not_overlap(branch: type[ZooKeeperError]) -> None:
    others = {ServerError, NetworkError, ProtocolError, UsageError} - {branch}

    assert not any(issubclass(branch, other) for other in others)


def test_a_lost_write_says_that_it_may_have_been_applied() -> None:
    error = ConnectionLoss("/a", maybe_applied=True)

    assert error.maybe_applied
    assert str(error) == "connection lost: /a; it may have been applied"


def test_a_time_out_says_why() -> None:
    error = OperationTimeoutError("/a", reason="no connection")

    assert not error.maybe_applied
    assert str(error) == "no answer in time: /a (no connection)"


def test_what_the_server_refused_was_not_applied() -> None:
    assert not NoNodeError("/a").maybe_applied


def test_a_closed_client_says_so() -> None:
    assert str(ConnectionClosedError("/a")) == "client closed: /a"
    assert ConnectionClosedError.code == ErrorCode.SESSION_EXPIRED


def test_a_node_that_exists_names_its_owner_where_that_is_known() -> None:
    assert str(NodeExistsError("/a", 0x1F)) == "node exists: /a (owned by session 0x1f)"
    assert str(NodeExistsError("/a")) == "node exists: /a"


def test_a_failed_connect_lists_the_endpoints_and_why() -> None:
    error = FailedConnect([("a:1", "refused"), ("[::1]:2", "timed out")], 2.5)

    assert error.attempts == (("a:1", "refused"), ("[::1]:2", "timed out"))
    assert str(error) == "no ZooKeeper server within 2.5 s (a:1: refused; [::1]:2: timed out)"


def test_a_failed_connect_says_when_nothing_was_tried() -> None:
    assert str(FailedConnect([], 10.0)) == "no ZooKeeper server within 10 s (none was tried)"


def test_only_the_class_itself_has_its_number() -> None:
    assert error_for(ErrorCode.SESSION_EXPIRED, None).__class__ is SessionExpiredError
    assert CodedError.code == 0


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({}, "authentication failed: /a"),
        ({"scheme": "digest"}, "authentication failed: /a (scheme digest)"),
        (
            {"scheme": "digest", "server": "h:1", "reason": "why"},
            "authentication failed: /a (scheme digest, server h:1, why)",
        ),
    ],
)
def test_a_failed_authentication_tells_scheme_server_and_reason(
    facts: dict[str, str], text: str
) -> None:
    error = AuthFailedError("/a", **facts)

    assert str(error) == text
    assert str(error.about("/b")) == text.replace("/a", "/b")
    assert (error.scheme, error.server, error.reason) == tuple(
        facts.get(each, "") for each in ("scheme", "server", "reason")
    )


def test_a_version_that_is_not_told_shows_what_was_said() -> None:
    error = errors.VersionUnknownError("srvr is not executed\n")

    assert str(error) == "the server does not tell its version: 'srvr is not executed'"
    assert error.answer == "srvr is not executed\n"


# Outcomes that are unknown


@pytest.mark.parametrize(
    "error",
    [
        ConnectionLoss("/a"),
        OperationTimeoutError("/a", reason="late"),
        SessionExpiredError("/a"),
        ProtocolError("junk"),
        UnknownError(-99, "/a"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_whose_outcome_is_unknown_can_be_caught_as_that_and_as_itself(
    error: ZooKeeperError,
) -> None:
    known, text = type(error), str(error)
    assert not isinstance(error, OutcomeUnknown)

    error.maybe_applied = True

    assert error.maybe_applied
    assert isinstance(error, OutcomeUnknown)
    assert isinstance(error, known)
    assert type(error).__name__ == known.__name__
    assert str(error).startswith(text)


def test_an_error_may_turn_out_to_have_a_known_outcome() -> None:
    error = ConnectionLoss("/a", maybe_applied=True)

    error.maybe_applied = False

    assert type(error) is ConnectionLoss
    assert str(error) == "connection lost: /a"


@pytest.mark.parametrize("maybe_applied", [False, True])
def test_an_error_can_be_sent_to_another_process(maybe_applied: bool) -> None:
    error = OperationTimeoutError("/a", reason="late", maybe_applied=maybe_applied)

    there = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)

    assert isinstance(there, OutcomeUnknown) is maybe_applied
    assert isinstance(there, OperationTimeoutError)
    assert str(there) == str(error)
