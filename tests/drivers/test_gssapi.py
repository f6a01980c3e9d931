import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from zc.zk.drivers.gssapi import GSSAPI, GSSAPIExchange
from zc.zk.errors import ArgumentError, ArgumentTypeError, AuthFailedError, UsageError

KDC_UNREACHABLE = 2**32 - 1765328228
NO_CREDENTIALS = 2**32 - 1765328243


class KerberosError(Exception):
    """What the package raises."""

    maj_code = 458752

    def __init__(self, minor: int) -> None:
        self.min_code = minor

    def get_all_statuses(self, code: int, is_maj: bool) -> list[str]:
        return ["major\n text"] if is_maj else [f"minor text {code}"]


class Context:
    """A security context that needs two tokens, and wraps by putting brackets around."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.complete = False
        self._failure = failure

    def step(self, token: bytes | None) -> bytes | None:
        if self._failure is not None:
            raise self._failure
        if token is None:
            return b"first"
        self.complete = True
        return None

    def unwrap(self, message: bytes) -> Any:
        return SimpleNamespace(message=message[1:-1])

    def wrap(self, message: bytes, encrypt: bool) -> Any:
        assert not encrypt
        return SimpleNamespace(message=b"[" + message + b"]")


def exchange(failure: Exception | None = None) -> GSSAPIExchange:
    return GSSAPIExchange(
        SimpleNamespace(exceptions=SimpleNamespace(GSSError=KerberosError)), Context(failure)
    )


def established() -> GSSAPIExchange:
    begun = exchange()
    begun.step(b"")
    begun.step(b"token")
    return begun


def test_tokens_alternate_until_the_context_stands() -> None:
    begun = exchange()

    assert begun.step(b"") == b"first"
    assert begun.step(b"token") == b""  # nothing to say, and the server waits for it


@pytest.mark.parametrize("offer", [b"[\1\0\0\0]", b"[\7\0\xff\xff]"])
def test_no_security_layer_is_chosen(offer: bytes) -> None:
    assert established().step(offer) == b"[\1\0\0\0]"


@pytest.mark.parametrize("last", [None, b""])
def test_the_servers_last_token_says_nothing(last: bytes | None) -> None:
    agreed = established()
    agreed.step(b"[\1\0\0\0]")

    assert agreed.step(last) is None


@pytest.mark.parametrize("offer", [b"[\6\0\xff\xff]", b"[\0\0\0\0]", b"[\1]", b"[]", b""])
def test_a_server_that_wants_a_security_layer_is_refused(offer: bytes) -> None:
    with pytest.raises(AuthFailedError) as caught:
        established().step(offer)

    assert caught.value.reason == "the server wants a security layer"


def test_a_null_token_in_the_middle_is_refused() -> None:
    for begun in (exchange(), established()):
        with pytest.raises(AuthFailedError) as caught:
            begun.step(None)
        assert caught.value.reason == "the server ended it early"


def test_a_server_that_goes_on_after_the_end_is_refused() -> None:
    agreed = established()
    agreed.step(b"[\1\0\0\0]")

    with pytest.raises(AuthFailedError) as caught:
        agreed.step(b"more")

    assert caught.value.reason == "the server goes on after the end"


@pytest.mark.parametrize(
    ("minor", "reason"),
    [(NO_CREDENTIALS, f"minor text {NO_CREDENTIALS}"), (0, "major text")],
)
def test_what_kerberos_refuses_is_final_with_its_reason_in_one_line(
    minor: int, reason: str
) -> None:
    with pytest.raises(AuthFailedError) as caught:
        exchange(KerberosError(minor)).step(b"")

    assert caught.value.reason == reason


def test_a_kdc_out_of_reach_may_be_back_at_the_next_attempt() -> None:
    with pytest.raises(OSError, match=f"^minor text {KDC_UNREACHABLE}$"):
        exchange(KerberosError(KDC_UNREACHABLE)).step(b"")


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)

    with pytest.raises(
        UsageError, match=r"^SASL GSSAPI needs the package gssapi, install zc\.zk\[sasl\]: "
    ):
        GSSAPI()


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have something called `gssapi`, be it installed or not."""
    monkeypatch.setitem(sys.modules, "gssapi", ModuleType("gssapi"))


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "zookeeper/zk1.example.com"),
        ({"service": "zk"}, "zk/zk1.example.com"),
        ({"host": "Other"}, "zookeeper/other"),
        ({"realm": "EXAMPLE.COM"}, "zookeeper/zk1.example.com@EXAMPLE.COM"),
    ],
)
def test_the_servers_principal_is_made_of_the_configured_name(
    arguments: dict[str, str], expected: str
) -> None:
    assert GSSAPI(**arguments).target("ZK1.example.com") == expected


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("what", ["principal", "service", "host", "realm", "keytab"])
def test_bad_arguments_are_named(what: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"^a {what} must be a string, not int$"):
        GSSAPI(**{what: 1})  # type: ignore[arg-type]  # what is tested
    with pytest.raises(ArgumentError, match=f"^a {what} must not be empty or hold NUL: ''$"):
        GSSAPI(**{what: ""})


@pytest.mark.usefixtures("package")
def test_a_service_must_be_given() -> None:
    with pytest.raises(ArgumentTypeError):
        GSSAPI(service=None)  # type: ignore[arg-type]  # what is tested


@pytest.mark.usefixtures("package")
def test_a_repr_names_what_was_chosen() -> None:
    assert "principal='bob@EXAMPLE.COM'" in repr(GSSAPI(principal="bob@EXAMPLE.COM"))
