"""What servers can be asked since 3.5: several reads at once, the session's own, the ensemble's configuration."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import zc.zk
from tests import wire
from tests.scripted import Peer, ScriptedServer
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import (
    CREATOR_ALL_ACL,
    Client,
    ClientInfo,
    NoAuthError,
    NoNodeError,
    UnimplementedError,
)
from zc.zk.paths import CONFIG

SOON = 20.0


# --- several reads


def test_each_read_has_its_value_or_its_exception(client: Client) -> None:
    client.create("/a", b"data")
    client.create("/a/b")
    reads = [("get", "/a"), ("get_children", "/"), ("get", "/no"), ("get_children", "/no")]

    results = client.multi_read(reads)
    results_async = client.multi_read_async(reads).get(SOON)

    for answers in (results, results_async):
        assert answers[0] == client.get("/a")
        assert answers[1] == ["a"]
        assert [type(each) for each in answers[2:]] == [NoNodeError, NoNodeError]
        assert answers[2].path == "/no"


def test_a_read_that_is_not_permitted_leaves_the_others_alone(
    client: Client, other: Client
) -> None:
    client.add_auth("digest", "bob:s3cret")
    client.create("/closed", acl=CREATOR_ALL_ACL)
    client.create("/open", b"data")

    refused, data = other.multi_read([("get", "/closed"), ("get", "/open")])

    assert isinstance(refused, NoAuthError)
    assert data[0] == b"data"


def test_no_reads_have_no_results(client: Client) -> None:
    assert client.multi_read([]) == []
    assert client.multi_read_async(iter([])).get(SOON) == []


def test_reads_may_be_a_thousand(client: Client) -> None:
    client.create("/a", b"data")

    results = client.multi_read([("get", "/a")] * 1000)

    assert len(results) == 1000
    assert {data for data, _ in results} == {b"data"}


BAD_READS: list[tuple[Any, type[Exception], str]] = [
    ("get", zc.zk.ArgumentTypeError, "the reads must be a list of tuples, not str"),
    (None, zc.zk.ArgumentTypeError, "the reads must be a list of tuples, not NoneType"),
    (["get"], zc.zk.ArgumentTypeError, "a read must be a tuple of its name and a path, not 'get'"),
    ([("get",)], zc.zk.ArgumentTypeError, "a read must be a tuple of its name and a path"),
    ([("set", "/a")], zc.zk.ArgumentError, "a read must be 'get' or 'get_children', not 'set'"),
    ([("get", 5)], zc.zk.ArgumentTypeError, "a path must be a string"),
    ([("get", "a")], zc.zk.ArgumentError, "not a path"),
]


@pytest.mark.parametrize(("reads", "kind", "text"), BAD_READS)
def test_reads_that_cannot_be_are_refused(
    client: Client, reads: Any, kind: type[Exception], text: str
) -> None:
    for call in (client.multi_read, client.multi_read_async):
        with pytest.raises(kind, match=f"^{text}"):
            call(reads)


# --- what is the session's


def test_the_ephemeral_nodes_of_the_session_are_listed_below_the_chroot(
    client: Client, other: Client
) -> None:
    client.create("/a")
    for path in ("/a/1", "/a/2", "/b"):
        client.create(path, ephemeral=True)
    other.create("/theirs", ephemeral=True)

    assert sorted(client.get_ephemerals()) == ["/a/1", "/a/2", "/b"]
    assert sorted(client.get_ephemerals("/a")) == ["/a/1", "/a/2"]
    assert sorted(client.get_ephemerals_async("/a/").get(SOON)) == ["/a/1", "/a/2"]
    assert client.get_ephemerals("/none") == []


def test_the_ephemeral_nodes_of_a_namesake_of_the_chroot_are_not_listed(
    server: AnyServer, chroot: str, client: Client
) -> None:
    with Client(server.address) as root:
        root.create(f"{chroot}x", ephemeral=True)
        with Client(server.address + chroot, client_id=root.client_id) as same:
            assert same.get_ephemerals() == []


@pytest.mark.parametrize("prefix", [None, 5, b"/"])
def test_a_prefix_that_is_no_string_is_a_type_error(client: Client, prefix: Any) -> None:
    for call in (client.get_ephemerals, client.get_ephemerals_async):
        with pytest.raises(TypeError, match="a prefix must be a string"):
            call(prefix)


@pytest.mark.parametrize("prefix", ["", "a", "/a//"])
def test_a_prefix_that_cannot_be_is_a_value_error(client: Client, prefix: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        client.get_ephemerals(prefix)


def test_the_identities_of_the_connection_are_told(client: Client) -> None:
    client.add_auth("digest", "bob:s3cret")

    identities = client.who_am_i()

    assert set(identities) == {ClientInfo("ip", "127.0.0.1"), ClientInfo("digest", "bob")}
    assert client.who_am_i_async().get(SOON) == identities


# --- the tree


def test_all_that_is_below_a_node_is_counted(client: Client) -> None:
    for path in ("/a/b/c", "/a/d"):
        client.ensure_path(path)

    assert client.get_all_children_number("/a") == 3
    assert client.get_all_children_number_async("/").get(SOON) == 4
    assert client.get_all_children_number("/a/d") == 0


def test_counting_below_what_is_not_there_is_an_error(client: Client) -> None:
    with pytest.raises(NoNodeError) as failed:
        client.get_all_children_number("/missing")

    assert failed.value.path == "/missing"


# --- the ensemble


def test_the_configuration_is_read_whatever_the_chroot(server: AnyServer, client: Client) -> None:
    data, stat = client.get_config()

    assert isinstance(data, bytes)
    assert client.get_config_async().get(SOON) == (data, stat)
    with Client(server.address) as root:
        assert root.get(CONFIG) == (data, stat)


def test_k29_a_server_that_may_not_be_reconfigured_says_so(client: Client) -> None:
    member = "server.4=127.0.0.1:1:2;127.0.0.1:3"

    for call in (client.reconfig, lambda *args: client.reconfig_async(*args).get(SOON)):
        with pytest.raises(zc.zk.ReconfigDisabledError):
            call(member, None, None)
        with pytest.raises(zc.zk.ReconfigDisabledError):
            call(None, ["4", "5"], None, 0x100000000)
        with pytest.raises(zc.zk.ReconfigDisabledError):
            call(None, None, [member, member])


BAD_CHANGES: list[tuple[tuple[Any, ...], type[Exception], str]] = [
    ((None, None, None), zc.zk.ArgumentError, "a reconfiguration needs joining"),
    (("", [], None), zc.zk.ArgumentError, "a reconfiguration needs joining"),
    (("a", None, "b"), zc.zk.ArgumentError, "a reconfiguration has either"),
    ((None, "4", ["b"]), zc.zk.ArgumentError, "a reconfiguration has either"),
    ((5, None, None), zc.zk.ArgumentTypeError, "joining must be a string or a list of strings"),
    ((None, [5], None), zc.zk.ArgumentTypeError, "leaving must be a string or a list of strings"),
    ((None, None, b"x"), zc.zk.ArgumentTypeError, "new_members must be a string or a list"),
    (("a", None, None, "1"), zc.zk.ArgumentTypeError, "the version of a configuration must be"),
    (("a", None, None, 2**63), zc.zk.ArgumentError, "the version of a configuration has 64 bits"),
]


@pytest.mark.parametrize(("change", "kind", "text"), BAD_CHANGES)
def test_k29_a_change_that_cannot_be_is_refused(
    client: Client, change: tuple[Any, ...], kind: type[Exception], text: str
) -> None:
    for call in (client.reconfig, client.reconfig_async):
        with pytest.raises(kind, match=f"^{text}"):
            call(*change)


# --- servers that lack them


NEW_CALLS: list[Callable[[Client], object]] = [
    lambda client: client.multi_read([("get", "/a")]),
    lambda client: client.multi_read_async([("get", "/a")]).get(SOON),
    lambda client: client.get_ephemerals(),
    lambda client: client.get_ephemerals_async().get(SOON),
    lambda client: client.get_all_children_number("/a"),
    lambda client: client.who_am_i(),
    lambda client: client.create("/a", container=True),
    lambda client: client.create_async("/a", container=True).get(SOON),
    lambda client: client.create("/a", ttl=5),
    lambda client: client.create("/a", include_data=True),
    lambda client: client.reconfig("a", None, None),
]
NO_SUCH_OPERATION = -6


@pytest.mark.parametrize("call", NEW_CALLS)
def test_a_server_that_lacks_an_operation_is_asked_once_and_others_calls_survive(
    call: Callable[[Client], object],
) -> None:
    asked: list[int] = []

    def script(peer: Peer) -> None:
        # As real ones do with what they do not know: they say so, and hang up. What came behind gets no answer.
        peer.shake_hands()
        while True:
            request = peer.receive_request()
            if request.opcode == wire.Opcode.GET_DATA:
                peer.send(wire.reply(request.xid, body=wire.data_body(b"data")))
            elif request.opcode in (wire.Opcode.PING, wire.Opcode.CLOSE_SESSION):
                peer.send(wire.reply(request.xid))
            else:
                asked.append(request.opcode)
                peer.receive_request()
                peer.send(wire.reply(request.xid, -1, NO_SUCH_OPERATION))
                peer.end()
                return

    with (
        ScriptedServer(script) as server,
        Client(server.address) as client,
        ThreadPoolExecutor(1) as threads,
    ):
        calling = threads.submit(call, client)
        wait_until(lambda: len(asked) == 1, SOON)
        reading = client.get_async("/other")

        assert reading.get(SOON)[0] == b"data"
        with pytest.raises(UnimplementedError):
            calling.result(SOON)
        assert client.get("/other")[0] == b"data"
        assert len(asked) == 1
        assert server.accepted == 2
