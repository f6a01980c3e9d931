"""The requests that came with ZooKeeper 3.5 to 3.9, section 3 of the list of features, on real servers.

Each is looked at from both ends: what the call gives, and what went over the wire. Of the rest of that list, read-only
mode is K09, taking a session up again and TLS identities are K01, following the configuration is K29 on an ensemble.
Names of servers by DNS SRV and the HTTP interface for administrators are not ours.
"""

import struct
from collections.abc import Callable
from typing import Any

import pytest

import zc.zk
from tests import wire
from tests.ensemble import Ensemble
from tests.frames import reply_to
from tests.keys import Keys
from tests.proxy import FaultProxy
from tests.realserver import NEWER_CLASSPATH, RealServer
from tests.rows.frames import only_request, requests
from tests.tlsserver import TlsServer
from tests.waiting import wait_until
from zc.zk import (
    TLS,
    Client,
    ClientInfo,
    RuntimeInconsistency,
    Stat,
    make_digest_acl,
    make_x509_acl,
)
from zc.zk.codes import OpCode

SOON = 20.0
A_MINUTE = 60_000  # milliseconds


def flags(request: wire.Request) -> int:
    """Give the last number of a create request."""
    (number,) = struct.unpack(">i", request.body[-4:])
    return int(number)


# --- create2


def test_create2_gives_path_and_status_in_one_answer(proxied: Client, proxy: FaultProxy) -> None:
    path, stat = proxied.create("/a-", b"value", sequence=True, include_data=True)

    assert path == "/a-0000000000"
    assert stat == proxied.exists(path)
    assert flags(only_request(proxy, OpCode.CREATE2)) == 2
    assert requests(proxy, OpCode.CREATE) == []


def test_create2_goes_into_a_transaction(proxied: Client, proxy: FaultProxy) -> None:
    """kazoo's transactions cannot; servers before 3.7.2 and 3.8.2 answer without the status."""
    with proxied.transaction() as transaction:
        transaction.create("/a", b"value", include_data=True)

    assert transaction.results is not None
    ((path, stat),) = transaction.results
    assert path == "/a"
    assert stat in (None, proxied.exists("/a"))
    assert struct.unpack_from(">i", only_request(proxy, OpCode.MULTI).body) == (OpCode.CREATE2,)


# --- reconfig


def test_reconfig_is_sent_whole_and_refused_where_it_is_disabled(
    proxied: Client, proxy: FaultProxy
) -> None:
    """On an ensemble it is done: tests/calls/test_reconfig.py."""
    with pytest.raises(zc.zk.ReconfigDisabledError):
        proxied.reconfig(["server.4=h:1:2;3"], ["5", "6"], None, from_config=0x100000002)

    body = only_request(proxy, OpCode.RECONFIG).body
    assert body == (
        wire.string("server.4=h:1:2;3")
        + wire.string("5,6")
        + wire.string(None)
        + struct.pack(">q", 0x100000002)
    )


def test_reconfig_has_a_configuration_to_read(client: Client) -> None:
    data, stat = client.get_config()

    assert isinstance(data, bytes)
    assert isinstance(stat, Stat)
    assert stat.data_length == len(data)


# --- createContainer


@pytest.mark.parametrize("include_data", [False, True])
def test_create_container_makes_a_node_that_goes_with_its_last_child(
    proxied: Client, other: Client, proxy: FaultProxy, include_data: bool
) -> None:
    create: Any = proxied.create

    created = create("/box", b"data", container=True, include_data=include_data)

    assert created == (("/box", other.exists("/box")) if include_data else "/box")
    assert flags(only_request(proxy, OpCode.CREATE_CONTAINER)) == 4
    assert proxied.get("/box")[0] == b"data"
    proxied.create("/box/child")
    proxied.delete("/box/child")
    wait_until(lambda: other.exists("/box") is None, SOON)


def test_create_container_leaves_one_alone_that_never_had_a_child(
    client: Client, other: Client
) -> None:
    client.create("/empty", container=True)
    client.create("/box", container=True)
    client.create("/box/child")

    client.delete("/box/child")

    wait_until(lambda: other.exists("/box") is None, SOON)
    assert other.exists("/empty") is not None


def test_create_container_goes_into_a_transaction(client: Client, other: Client) -> None:
    with client.transaction() as transaction:
        transaction.create("/box", container=True)
        transaction.create("/box/child")
        transaction.delete("/box/child")

    assert transaction.results == ["/box", "/box/child", True]
    wait_until(lambda: other.exists("/box") is None, SOON)


# --- createTTL


def test_create_ttl_makes_a_node_that_goes_when_nobody_writes_to_it(
    proxied: Client, other: Client, proxy: FaultProxy
) -> None:
    assert proxied.create("/short", ttl=1) == "/short"
    path, stat = proxied.create("/long-", ttl=A_MINUTE, sequence=True, include_data=True)

    frames = [wire.parse_request(each.payload) for each in requests(proxy, OpCode.CREATE_TTL)]
    assert [struct.unpack(">iq", each.body[-12:]) for each in frames] == [(5, 1), (6, A_MINUTE)]
    assert (path, stat) == ("/long-0000000001", other.exists(path))
    wait_until(lambda: other.exists("/short") is None, SOON)
    assert other.exists(path) is not None


@pytest.mark.parametrize("ttl", [1, 2**40 - 1])
def test_create_ttl_takes_all_that_servers_take(client: Client, ttl: int) -> None:
    assert client.create("/a", ttl=ttl) == "/a"


@pytest.mark.parametrize("ttl", [-1, 2**40, 1.5, "1"])
def test_create_ttl_refuses_what_they_do_not(client: Client, ttl: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"^a TTL must be"):
        client.create("/a", ttl=ttl)


def test_create_ttl_goes_into_a_transaction(client: Client, other: Client) -> None:
    with client.transaction() as transaction:
        transaction.create("/a", ttl=1)

    assert transaction.results == ["/a"]
    wait_until(lambda: other.exists("/a") is None, SOON)


@pytest.mark.slow
def test_create_ttl_is_told_to_be_unimplemented_by_a_server_that_was_not_set_up_for_it() -> None:
    with (
        RealServer(
            classpath=NEWER_CLASSPATH, java_options=("-Dzookeeper.extendedTypesEnabled=false",)
        ) as server,
        Client(server.address) as client,
    ):
        with pytest.raises(zc.zk.UnimplementedError):
            client.create("/a", ttl=5)

        assert client.exists("/a") is None


# --- multiRead


def test_multi_read_asks_for_several_nodes_in_one_request(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxied.create("/a/b", b"data", makepath=True)
    proxied.create("/closed", acl=[make_digest_acl("bob", "pw", all=True)])

    results = proxied.multi_read(
        [("get", "/a/b"), ("get_children", "/a"), ("get", "/missing"), ("get", "/closed")]
    )

    data, children, missing, closed = results
    assert data == proxied.get("/a/b")
    assert children == ["b"]
    assert [type(each) for each in (missing, closed)] == [zc.zk.NoNodeError, zc.zk.NoAuthError]
    assert missing.path == "/missing"
    assert len(requests(proxy, OpCode.MULTI_READ)) == 1
    assert proxied.multi_read_async([("get", "/a/b")]).get(SOON) == [data]


def test_multi_read_takes_a_thousand(proxied: Client, proxy: FaultProxy) -> None:
    proxied.create("/a", b"data")

    results = proxied.multi_read([("get", "/a")] * 1000)

    assert [data for data, _ in results] == [b"data"] * 1000
    assert len(requests(proxy, OpCode.MULTI_READ)) == 1


# --- getEphemerals


def test_get_ephemerals_gives_the_sessions_own_by_their_beginning(
    proxied: Client, other: Client, proxy: FaultProxy, chroot: str
) -> None:
    proxied.create("/a")
    for path in ("/a/1", "/a/2", "/b"):
        proxied.create(path, ephemeral=True)
    other.create("/theirs", ephemeral=True)

    assert sorted(proxied.get_ephemerals("/a")) == ["/a/1", "/a/2"]
    assert only_request(proxy, OpCode.GET_EPHEMERALS).body == wire.string(f"{chroot}/a")
    assert sorted(proxied.get_ephemerals()) == ["/a/1", "/a/2", "/b"]
    assert proxied.get_ephemerals_async("/none").get(SOON) == []
    assert other.get_ephemerals() == ["/theirs"]


# --- getAllChildrenNumber


def test_get_all_children_number_counts_what_is_below_at_any_depth(
    proxied: Client, proxy: FaultProxy, chroot: str
) -> None:
    for path in ("/a/b/c", "/a/d"):
        proxied.ensure_path(path)

    assert proxied.get_all_children_number("/a") == 3
    assert only_request(proxy, OpCode.GET_ALL_CHILDREN_NUMBER).body == wire.string(f"{chroot}/a")
    assert proxied.get_all_children_number_async("/").get(SOON) == 4
    assert proxied.get_all_children_number("/a/b/c") == 0
    with pytest.raises(zc.zk.NoNodeError):
        proxied.get_all_children_number("/missing")


# --- whoAmI


def test_who_am_i_tells_the_identities_of_the_connection(
    proxied: Client, proxy: FaultProxy
) -> None:
    before = proxied.who_am_i()
    assert only_request(proxy, OpCode.WHO_AM_I).body == b""

    proxied.add_auth("digest", "bob:s3cret")

    assert before == [ClientInfo("ip", "127.0.0.1")]
    assert set(proxied.who_am_i()) == {*before, ClientInfo("digest", "bob")}
    assert set(proxied.who_am_i_async().get(SOON)) == {*before, ClientInfo("digest", "bob")}
    answers = [frame.payload for frame in proxy.frames if reply_to(OpCode.WHO_AM_I)(frame)]
    assert len(answers) == 3
    assert not any(b"s3cret" in answer for answer in answers)


# --- x509, with TLS


def test_x509_identities_are_those_of_certificates(tls_server: TlsServer, keys: Keys) -> None:
    own = keys.client
    with (
        Client(tls_server.secure_address, tls=TLS(keys.trusted, own.both)) as client,
        Client(tls_server.secure_address, tls=TLS(keys.trusted)) as stranger,
    ):
        path = client.create(
            "/x509-", b"mine", [make_x509_acl("CN=client", all=True)], sequence=True
        )

        assert client.get(path)[0] == b"mine"
        with pytest.raises(zc.zk.NoAuthError):
            stranger.get(path)
        client.delete(path)


# --- local sessions


@pytest.mark.slow
@pytest.mark.parametrize("is_upgraded", [True, False])
def test_local_sessions_are_upgraded_for_an_ephemeral_node_or_it_is_refused(
    own_ensemble: Callable[..., Ensemble], is_upgraded: bool
) -> None:
    settings = {
        "localSessionsEnabled": "true",
        "localSessionsUpgradingEnabled": str(is_upgraded).lower(),
    }
    ensemble = own_ensemble(settings=settings)

    with Client(ensemble.followers[0].address) as client:
        session = client.client_id
        assert client.create("/a") == "/a"
        if is_upgraded:
            assert client.create("/e", ephemeral=True) == "/e"
            assert client.get_ephemerals() == ["/e"]
        else:
            with pytest.raises(zc.zk.EphemeralOnLocalSessionError):
                client.create("/e", ephemeral=True)
        assert client.client_id == session


# --- quotas and throttling


@pytest.mark.slow
def test_quotas_are_told_as_an_error_of_their_own() -> None:
    with (
        RealServer(java_options=("-Dzookeeper.enforceQuota=true",)) as server,
        Client(server.address) as client,
    ):
        client.create("/q", b"")
        limits = b"count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=2"
        client.create("/zookeeper/quota/q/zookeeper_limits", limits, makepath=True)
        client.create("/zookeeper/quota/q/zookeeper_stats", b"count=1,bytes=0")
        assert client.set("/q", bytes(10)).version == 1

        with pytest.raises(zc.zk.QuotaExceededError):
            client.set("/q", bytes(11))
        client.create("/q/1")
        with pytest.raises(zc.zk.QuotaExceededError):
            client.create("/q/2")

        assert client.get_children("/q") == ["1"]


def test_throttling_is_told_as_an_error_of_its_own(proxied: Client, proxy: FaultProxy) -> None:
    number = struct.pack(">i", zc.zk.ThrottledOpError.code)
    proxy.rewrite(reply_to(OpCode.SET_DATA), lambda payload: payload[:12] + number, times=1)

    with pytest.raises(zc.zk.ThrottledOpError):
        proxied.set("/", b"")

    assert proxied.set("/", b"") is not None


# --- check in a multi


def test_check_fences_writes_off_without_one_of_its_own(proxied: Client, proxy: FaultProxy) -> None:
    proxied.create("/lock")
    proxied.create("/guarded", b"0")
    good, bad = proxied.transaction(), proxied.transaction()
    for transaction, version in ((good, 0), (bad, 1)):
        transaction.check("/lock", version)
        transaction.set_data("/guarded", b"1")
        transaction.check("/guarded", 1)

    true, stat, still_true = good.commit()
    failed, *others = bad.commit()

    assert (true, still_true, stat) == (True, True, proxied.exists("/guarded"))
    assert type(failed) is zc.zk.BadVersionError
    assert [type(each) for each in others] == [RuntimeInconsistency, RuntimeInconsistency]
    assert proxied.exists("/lock") == proxied.get("/lock")[1]
    bodies = [wire.parse_request(each.payload).body for each in requests(proxy, OpCode.MULTI)]
    assert [struct.unpack_from(">i", body) for body in bodies] == [(OpCode.CHECK,)] * 2
