import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from zc.zk import arguments
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag
from zc.zk.errors import ArgumentError, ArgumentTypeError, UsageError
from zc.zk.security import OPEN_ACL_UNSAFE

OPEN = tuple(OPEN_ACL_UNSAFE)
PLAIN = CreateFlag.PERSISTENT

# Each function, with the path as its only argument that varies.
ABOUT_A_PATH: list[Callable[[object], ops.Operation[Any]]] = [
    lambda path: arguments.create(path, b"", OPEN),
    lambda path: arguments.check(path, 0),
    arguments.get_all_children_number,
    lambda path: arguments.read(("get", path)),
    lambda path: arguments.delete(path, -1),
    lambda path: arguments.exists(path, None),
    lambda path: arguments.get(path, None),
    lambda path: arguments.set_data(path, b"", -1),
    lambda path: arguments.get_children(path, None),
    lambda path: arguments.get_children2(path, None),
    arguments.get_acls,
    lambda path: arguments.set_acls(path, OPEN, -1),
    arguments.sync,
]


@pytest.mark.parametrize("make", ABOUT_A_PATH)
def test_every_operation_names_its_path(make: Callable[[object], Any]) -> None:
    assert make("/a").path == "/a"


@pytest.mark.parametrize("make", ABOUT_A_PATH)
@pytest.mark.parametrize("path", [None, 5, b"/a", "", "a", "/a/", "/\ud800", "/a//b", "/.."])
def test_every_path_is_checked_in_the_caller(make: Callable[[object], Any], path: object) -> None:
    with pytest.raises(UsageError):
        make(path)


def test_the_arguments_become_the_fields_of_the_operation() -> None:
    watch = ops.Watch()

    assert arguments.create("/a", b"x", OPEN) == ops.Create("/a", b"x", OPEN, PLAIN)
    assert arguments.delete("/a", 3) == ops.Delete("/a", 3)
    assert arguments.exists("/a", watch) == ops.Exists("/a", watch)
    assert arguments.get("/a", watch) == ops.GetData("/a", watch)
    assert arguments.set_data("/a", b"x", 3) == ops.SetData("/a", b"x", 3)
    assert arguments.get_children("/a", watch) == ops.GetChildren("/a", watch)
    assert arguments.get_children2("/a", watch) == ops.GetChildren2("/a", watch)
    assert arguments.get_acls("/a") == ops.GetACL("/a")
    assert arguments.set_acls("/a", OPEN, 3) == ops.SetACL("/a", OPEN, 3)
    assert arguments.sync("/a") == ops.Sync("/a")


def test_a_sequential_node_may_be_named_by_its_number_alone() -> None:
    assert arguments.create("/a/", b"", OPEN, sequence=True).path == "/a/"


@pytest.mark.parametrize(
    ("ephemeral", "sequence", "expected"),
    [(False, False, 0), (True, False, 1), (False, True, 2), (True, True, 3)],
)
def test_flags_are_those_of_the_protocol(ephemeral: bool, sequence: bool, expected: int) -> None:
    assert arguments.flags(ephemeral=ephemeral, sequence=sequence) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ({"container": True}, ops.CreateContainer("/a", b"x", OPEN, CreateFlag.CONTAINER)),
        ({"time_to_live": 5}, ops.CreateTTL("/a", b"x", OPEN, CreateFlag.TTL, 5)),
        (
            {"time_to_live": 5, "sequence": True},
            ops.CreateTTL("/a", b"x", OPEN, CreateFlag.SEQUENTIAL_TTL, 5),
        ),
        ({"with_status": True}, ops.Create2("/a", b"x", OPEN)),
        ({"time_to_live": 0}, ops.Create("/a", b"x", OPEN)),
    ],
)
def test_each_kind_of_node_has_its_own_request(
    kind: dict[str, Any], expected: ops.Creates[Any]
) -> None:
    assert arguments.create("/a", b"x", OPEN, **kind) == expected


@pytest.mark.parametrize("value", [b"x", bytearray(b"x"), memoryview(b"x")])
def test_data_may_come_as_any_kind_of_bytes(value: object) -> None:
    data = arguments.data(value)

    assert data == b"x"
    assert type(data) is bytes


def test_data_may_be_none() -> None:
    assert arguments.data(None) is None


@pytest.mark.parametrize("value", ["x", 5, [1], {}])
def test_data_that_are_no_bytes_are_a_type_error(value: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^node data must be bytes, not "):
        arguments.data(value)


@pytest.mark.parametrize("value", [-(2**31), -1, 0, 2**31 - 1])
def test_a_version_is_any_number_of_32_bits(value: int) -> None:
    assert arguments.version(value) == value


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 2**40])
def test_a_version_beyond_32_bits_is_refused(value: int) -> None:
    with pytest.raises(ArgumentError, match=f"^a version has 32 bits: {value}$"):
        arguments.version(value)


@pytest.mark.parametrize("value", [None, True, "1", 1.0])
def test_a_version_that_is_no_integer_is_a_type_error(value: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^a version must be an integer, not "):
        arguments.version(value)


@pytest.mark.parametrize("credential", ["bob:pw", b"bob:pw"])
def test_a_credential_is_text_or_bytes(credential: object) -> None:
    assert arguments.auth("digest", credential) == ops.Auth("digest", b"bob:pw")


@pytest.mark.parametrize(
    "pairs",
    [
        "digest:bob:s3cret",
        b"digest:bob:s3cret",
        {"digest": "bob:s3cret"},
        5,
        None,
        ["digest:bob:s3cret"],
        ("digest", "bob:s3cret"),
        [("digest", "bob", "s3cret")],
    ],
)
def test_identities_that_are_no_pairs_are_refused_without_naming_the_credential(
    pairs: object,
) -> None:
    with pytest.raises(ArgumentTypeError, match="of a scheme and a credential") as caught:
        arguments.identities(pairs)

    shown = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in shown + repr(caught.value.__context__)


def test_identities_are_pairs() -> None:
    assert arguments.identities([("digest", "bob:pw"), ["ip", b""]]) == [
        ops.Auth("digest", b"bob:pw"),
        ops.Auth("ip", b""),
    ]


@pytest.mark.parametrize(
    ("scheme", "credential", "kind", "text"),
    [
        (5, "a:b", ArgumentTypeError, "an authentication scheme must be a string, not int"),
        ("ip", None, ArgumentTypeError, "a credential must be a string or bytes, not NoneType"),
        (
            "digest",
            "s3cret",
            ArgumentError,
            "a digest credential must be of the form user:password",
        ),
        ("digest", "bob:s3cret\ud800", ArgumentError, "a credential must be encodable as UTF-8"),
    ],
)
def test_a_bad_identity_is_refused_without_naming_the_credential(
    scheme: object, credential: object, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=f"^{text}$") as caught:
        arguments.auth(scheme, credential)

    shown = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in shown + repr(caught.value.__context__)


@pytest.mark.parametrize("value", [0.001, 1, 10.5, 1e9])
def test_seconds_are_a_positive_number(value: float) -> None:
    assert arguments.seconds(value, "timeout") == value


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), 10**400])
def test_seconds_that_cannot_be_are_refused(value: float) -> None:
    with pytest.raises(ArgumentError, match=r"^timeout must be a positive number of seconds, not "):
        arguments.seconds(value, "timeout")


@pytest.mark.parametrize("value", [None, True, "5"])
def test_seconds_that_are_no_number_are_a_type_error(value: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^timeout must be a number of seconds, not "):
        arguments.seconds(value, "timeout")


def test_seconds_may_be_bounded() -> None:
    with pytest.raises(ArgumentError):
        arguments.seconds(11, "timeout", most=10)


@pytest.mark.parametrize("session_id", [0, 1, -(2**63), 2**63 - 1])
def test_a_client_id_is_a_session_id_and_a_password(session_id: int) -> None:
    assert arguments.client_id((session_id, b"s3cret")) == (session_id, b"s3cret")


@pytest.mark.parametrize(
    "value",
    [None, 5, (1,), (1, "s3cret"), [1, b"s3cret"], (True, b"s3cret"), (1, b"s3cret", 2)],
)
def test_a_client_id_of_another_form_is_a_type_error_without_the_password(value: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^a client id must be a tuple of ") as caught:
        arguments.client_id(value)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("session_id", [2**63, -(2**63) - 1])
def test_a_session_id_beyond_64_bits_is_refused_without_the_password(session_id: int) -> None:
    with pytest.raises(ArgumentError, match=f"^a session id has 64 bits: {session_id}$"):
        arguments.client_id((session_id, b"s3cret"))


def test_a_logger_may_be_an_adapter_and_nothing_else() -> None:
    logger = logging.getLogger("own")
    adapter = logging.LoggerAdapter(logger, {})

    assert arguments.logger(logger) is logger
    assert arguments.logger(adapter) is adapter
    with pytest.raises(ArgumentTypeError, match=r"^logger must be a logging.Logger or a LoggerAd"):
        arguments.logger("own")
