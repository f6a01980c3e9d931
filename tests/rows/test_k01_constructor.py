"""K01: what a client is made with, each parameter of it on real servers.

Ours by other names: `sasl_options` is `sasl`, and `use_ssl`, `ca`, `certfile`, `keyfile`, `keyfile_password`,
`verify_certs` and `check_hostname` are `tls` with a `zc.zk.TLS`, which verifies host names unless told otherwise.
`handler` and the deprecated `max_retries` and the like belong to the facade that has kazoo's names. There is no
`connection_retry`: how long to wait between attempts is decided once for all clients (docs/design.rst, Clocks).
"""

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import zc.zk
from tests import wire
from tests.bareclient import BareClient
from tests.keys import KEY_PASSWORD, Keys
from tests.ports import LOOPBACK, free_port
from tests.proxy import FaultProxy
from tests.saslserver import SaslServer
from tests.servers import AnyServer
from tests.tlsserver import TlsServer
from tests.waiting import wait_until
from zc.zk import TLS, Client, ClientInfo, make_digest_acl

SOON = 20.0
EPHEMERAL = 1


def test_k01_the_documented_parameters_have_the_documented_defaults() -> None:
    parameters = inspect.signature(Client).parameters

    defaults = {name: each.default for name, each in parameters.items()}

    assert list(defaults)[:3] == ["hosts", "timeout", "client_id"]
    assert defaults.items() >= {
        ("hosts", "127.0.0.1:2181"),
        ("timeout", 10.0),
        ("client_id", None),
        ("default_acl", None),
        ("read_only", False),
        ("randomize_hosts", True),
        ("command_retry", None),
        ("logger", None),
    }


def as_text(port: int, chroot: str) -> str:
    return f"{LOOPBACK}:{free_port()},{LOOPBACK}:{port}{chroot}"


def as_list(port: int, chroot: str) -> list[str]:
    return [f"{LOOPBACK}:{free_port()}", f"{LOOPBACK}:{port}{chroot}"]


def with_ipv6(port: int, chroot: str) -> str:
    return f"[::1]:{free_port()},{LOOPBACK}:{port}{chroot}"


@pytest.mark.parametrize("hosts", [as_text, as_list, with_ipv6])
def test_k01_hosts_are_text_or_a_list_with_a_chroot_and_ipv6_in_brackets(
    server: AnyServer, chroot: str, hosts: Callable[[int, str], str | Sequence[str]]
) -> None:
    with Client(server.address) as root, Client(hosts(server.port, chroot)) as client:
        client.create("/a", b"here")

        assert root.get(f"{chroot}/a")[0] == b"here"
        assert client.chroot == chroot
        assert client.hosts.split(",")[1] == server.address


@pytest.mark.parametrize("hosts", [None, 2181, b"host", [1]])
def test_k01_hosts_of_another_type_are_a_type_error(hosts: Any) -> None:
    with pytest.raises(TypeError):
        Client(hosts)


@pytest.mark.parametrize("hosts", ["", "a:b", "a:1/x/", "http://a:1", "[::1"])
def test_k01_hosts_that_cannot_be_are_a_value_error(hosts: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Client(hosts)


def test_k01_the_time_out_is_that_of_the_session(server: AnyServer) -> None:
    with Client(server.address, 5) as short, Client(server.address, timeout=7.5) as longer:
        assert (short.session_timeout, longer.session_timeout) == (5, 7.5)


def test_k01_a_client_id_takes_up_a_session(server: AnyServer, chroot: str) -> None:
    with BareClient.connect(server.port) as earlier:
        body = wire.create_body(f"{chroot}/a", flags=EPHEMERAL)
        assert earlier.call(wire.Opcode.CREATE, body).err == 0
    client_id = (earlier.session.session_id, earlier.session.password)

    with Client(server.address + chroot, client_id=client_id) as client:
        assert client.client_id == client_id
        assert client.get_ephemerals() == ["/a"]


def test_k01_the_default_acl_is_that_of_nodes_created_without_one(
    server: AnyServer, chroot: str
) -> None:
    mine = [make_digest_acl("bob", "pw", all=True)]
    auth_data = [("digest", "bob:pw")]
    address = server.address + chroot

    with (
        Client(address, default_acl=mine, auth_data=auth_data) as bob,
        Client(address, auth_data=auth_data) as open_bob,
    ):
        bob.create("/a")
        bob.create("/b/c", makepath=True)
        bob.ensure_path("/d")
        bob.create("/e", acl=zc.zk.OPEN_ACL_UNSAFE)
        with bob.transaction() as transaction:
            transaction.create("/f")
        open_bob.create("/g")

        acls = {path: bob.get_acls(path)[0] for path in ("/a", "/b", "/b/c", "/d", "/f")}
        assert acls == dict.fromkeys(acls, mine)
        assert bob.get_acls("/e")[0] == bob.get_acls("/g")[0] == zc.zk.OPEN_ACL_UNSAFE
        assert bob.default_acl == tuple(mine)


def test_k01_auth_data_are_shown_before_anything_is_asked(server: AnyServer, chroot: str) -> None:
    acl = [make_digest_acl("bob", "pw", all=True)]
    address = server.address + chroot

    with Client(address, auth_data=[("digest", "eve:x"), ("digest", "bob:pw")]) as client:
        client.create("/a", b"secret", acl)

        assert client.get("/a")[0] == b"secret"
        assert {each for each in client.who_am_i() if each.scheme == "digest"} == {
            ClientInfo("digest", "eve"),
            ClientInfo("digest", "bob"),
        }
    with Client(address) as stranger, pytest.raises(zc.zk.NoAuthError):
        stranger.get("/a")


def test_k01_sasl_logs_in_before_anything_else(sasl_server: SaslServer) -> None:
    """What `sasl_options={"mechanism": "DIGEST-MD5", "username": ..., "password": ...}` says to kazoo."""
    login = zc.zk.DigestMD5("alice", sasl_server.users["alice"])

    with Client(sasl_server.address, sasl=login) as client:
        assert ClientInfo("sasl", "alice") in client.who_am_i()


def test_k01_tls_is_told_of_authority_certificate_key_and_password(
    tls_server: TlsServer, keys: Keys
) -> None:
    """What `use_ssl`, `ca`, `certfile`, `keyfile` and `keyfile_password` say to kazoo."""
    own = keys.client
    settings = TLS(keys.trusted, own.certificate, own.locked_key, KEY_PASSWORD)

    with Client(tls_server.secure_address, tls=settings) as client:
        assert ClientInfo("x509", "CN=client") in client.who_am_i()


def test_k01_tls_verifies_unless_told_otherwise(tls_server: TlsServer) -> None:
    """kazoo's `verify_certs` is true, too; its `check_hostname` is false, our `verify_hostname` is not."""
    trusting_nobody = Client(tls_server.secure_address, tls=True)

    with pytest.raises(zc.zk.FailedConnect, match="certificate"):
        trusting_nobody.start(timeout=1.0)
    with Client(tls_server.secure_address, tls=TLS(insecure_accept_any_certificate=True)) as client:
        assert client.connected


@pytest.fixture
def two_ways(
    server: AnyServer, proxy_to: Callable[[int], FaultProxy]
) -> tuple[FaultProxy, FaultProxy]:
    return proxy_to(server.port), proxy_to(server.port)


def test_k01_hosts_are_tried_in_the_order_given_where_they_are_not_randomized(
    two_ways: tuple[FaultProxy, FaultProxy], chroot: str
) -> None:
    first, second = two_ways
    hosts = f"{first.address},{second.address}{chroot}"

    for _ in range(10):
        with Client(hosts, randomize_hosts=False) as client:
            assert client.connected

    assert (len(first.attempts), len(second.attempts)) == (10, 0)


def test_k01_hosts_are_tried_in_random_order_unless_told_otherwise(
    two_ways: tuple[FaultProxy, FaultProxy], chroot: str
) -> None:
    first, second = two_ways
    hosts = f"{first.address},{second.address}{chroot}"

    for _ in range(40):  # none of one side has a chance of one in 2**39
        with Client(hosts):
            pass
        if first.attempts and second.attempts:
            break

    assert first.attempts
    assert second.attempts


@pytest.mark.slow
def test_k01_there_is_no_connection_retry_it_is_tried_until_a_server_is_there(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with pytest.raises(TypeError, match="connection_retry"):
        Client(proxy.address, connection_retry=zc.zk.Retry())  # type: ignore[call-arg]  # what is tested
    with Client(proxy.address + chroot) as client:
        proxy.turn_away()
        proxy.cut()
        wait_until(lambda: len(proxy.attempts) >= 5, SOON)
        proxy.accept()

        assert client.exists("/") is not None


@pytest.mark.slow
def test_k01_the_command_retry_is_the_policy_of_retry(
    proxy: FaultProxy, chroot: str, server: AnyServer
) -> None:
    policy = zc.zk.Retry(max_tries=3, delay=0.01)
    calls: list[int] = []

    with Client(proxy.address + chroot, command_retry=policy, fail_fast=True) as client:

        def create() -> str:
            calls.append(1)
            if len(calls) == 1:
                proxy.cut()
                wait_until(lambda: client.state == "SUSPENDED", SOON)
                raise zc.zk.ConnectionLoss("/a")
            wait_until(lambda: client.connected, SOON)
            return client.create("/a")

        assert client.retry(create) == "/a"
        assert client.retry is policy
    assert len(calls) == 2


def test_k01_a_logger_of_our_own_takes_what_there_is_to_say(
    proxy: FaultProxy, chroot: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    own = logging.getLogger("tests.own")

    with Client(proxy.address + chroot, logger=own) as client:
        client.add_listener(lambda state: 1 / 0)
        proxy.cut()
        wait_until(lambda: "ZeroDivisionError" in caplog.text, SOON)
        wait_until(lambda: client.connected, SOON)

    names = {record.name for record in caplog.records}
    assert "SUSPENDED" in caplog.text
    assert names == {"tests.own"} | (names & {"zc.zk.server"})  # the embedded server's own


def test_k01_a_logger_of_another_type_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"^logger must be a logging\.Logger"):
        Client("host:1", logger="name")  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("client_id", [5, (5,), (b"5", b"password"), (5, "password")])
def test_k01_a_client_id_of_another_form_is_a_type_error(client_id: Any) -> None:
    with pytest.raises(TypeError, match="a client id must be"):
        Client("host:1", client_id=client_id)


@pytest.mark.parametrize(("name", "value"), [("default_acl", "all"), ("default_acl", [5])])
def test_k01_an_acl_of_another_type_is_a_type_error(name: str, value: Any) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(TypeError, match="an ACL must be"):
        Client("host:1", **options)
