"""The registry helper: what zc.zk 0.1.0 does, row by row, and where decisions.md goes beyond it.

The rows are those of features.md 1.1; Z15-Z34 are in `registry/test_live.py`, what registrations do beyond
them in `registry/test_registrar.py`.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import zc.zk
import zc.zk.aio
from tests.faces import only_threads, registry_of
from tests.ports import LOOPBACK, free_port
from tests.proxy import FaultProxy
from tests.scripted import ScriptedServer, saying
from tests.servers import AnyServer
from tests.sessions import lose_session, session_id
from tests.waiting import remains, stretched, wait_until
from zc.zk import Client, KeeperState, Permissions, ZooKeeper

SOON = 20.0
A_MOMENT = 0.05
ADDRESS = ("192.168.0.42", 8080)
NODE = "/service/192.168.0.42:8080"


@pytest.fixture
def zk(face: str, server: AnyServer, chroot: str) -> Iterator[Any]:
    with registry_of(face, server.address + chroot) as zk:
        zk.create("/service", b'{"threads": 1}')
        yield zk


@pytest.fixture
def other(zk: ZooKeeper) -> Iterator[ZooKeeper]:
    """Another session with the same nodes."""
    with ZooKeeper(zk.zkaddr) as other:
        yield other


# --- connecting


@pytest.mark.slow
def test_a_given_client_without_a_server_is_not_ended_by_a_registry_that_cannot_start(
    proxy_to: Callable[[int], FaultProxy], server: AnyServer, chroot: str
) -> None:
    proxy = proxy_to(server.port)
    with Client(proxy.address + chroot) as client:
        client.create("/mine", ephemeral=True)
        proxy.refuse()
        proxy.cut()
        wait_until(lambda: not client.connected, SOON)

        with pytest.raises(zc.zk.FailedConnect):
            ZooKeeper(client, start_timeout=0.1)

        proxy.heal()
        assert client.exists("/mine")


@pytest.mark.slow
def test_z01_a_connection_string_lists_servers_and_any_of_them_does(
    server: AnyServer, chroot: str
) -> None:
    nobody = f"{LOOPBACK}:{free_port()}"

    with ZooKeeper(f"{nobody},{server.address}{chroot}") as zk:
        assert zk.exists("/") is not None


def test_z01_without_an_argument_the_server_is_on_this_machine_at_port_2181(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ZC_ZK_CONNECTION_STRING", raising=False)
    monkeypatch.setattr(Client, "start", lambda client, timeout: None)

    with ZooKeeper() as zk:
        assert zk.zkaddr == "127.0.0.1:2181"


def test_z02_an_integer_is_a_local_port(server: AnyServer) -> None:
    with ZooKeeper(server.port) as zk:
        assert zk.zkaddr == f"127.0.0.1:{server.port}"
        assert zk.exists("/") is not None


def test_z03_the_constructor_returns_with_the_session(server: AnyServer) -> None:
    with ZooKeeper(server.address) as zk:
        assert zk.client.connected
        assert session_id(zk.client) != 0


@pytest.mark.slow
def test_z03_failing_to_connect_names_every_server_and_why() -> None:
    nobody = free_port()
    with (
        ScriptedServer(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as stranger,
        pytest.raises(zc.zk.FailedConnect) as failed,
    ):
        ZooKeeper(f"{LOOPBACK}:{nobody},{stranger.address}", start_timeout=stretched(1))

    reasons = dict(failed.value.attempts)
    assert reasons[f"{LOOPBACK}:{nobody}"] == "connection refused"
    assert "not a ZooKeeper server" in reasons[stranger.address]
    assert str(nobody) in str(failed.value)
    assert stranger.address in str(failed.value)


@pytest.mark.slow
def test_z03_waiting_goes_on_until_a_server_is_there(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    proxy.turn_away()
    with ThreadPoolExecutor(1) as threads:
        opening = threads.submit(ZooKeeper, proxy.address + chroot, wait=True)
        wait_until(lambda: len(proxy.attempts) >= 3, SOON)
        assert not opening.done()

        proxy.accept()

        with opening.result(stretched(SOON)) as zk:
            assert zk.exists("/") is not None


@only_threads
def test_z04_the_handle_is_the_client_until_it_is_closed(zk: ZooKeeper) -> None:
    handle = zk.handle

    zk.close()

    assert isinstance(handle, Client)
    assert zk.handle is None


def test_z05_the_state_is_connecting_without_a_handle(zk: ZooKeeper) -> None:
    before = zk.state

    zk.close()

    assert before == "CONNECTED"
    assert zk.state == "CONNECTING"


@pytest.mark.slow
def test_z06_connected_is_an_event_that_follows_the_connection(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with ZooKeeper(proxy.address + chroot) as zk:
        assert zk.connected.is_set()

        proxy.refuse()
        proxy.cut()
        wait_until(lambda: not zk.connected.is_set(), SOON)

        proxy.accept()
        assert zk.connected.wait(stretched(SOON))


@pytest.mark.slow
def test_z06_an_operation_waits_for_the_connection(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with ThreadPoolExecutor(1) as threads, ZooKeeper(proxy.address + chroot) as zk:
        proxy.refuse()
        proxy.cut()
        wait_until(lambda: not zk.connected.is_set(), SOON)

        asked = threads.submit(zk.get, "/")
        assert remains(lambda: not asked.done(), A_MOMENT)

        proxy.accept()
        assert asked.result(stretched(SOON))[0] == b""


def test_z07_the_address_and_the_watched_nodes_are_visible(
    zk: ZooKeeper, server: AnyServer, chroot: str
) -> None:
    children = zk.children("/service")

    assert zk.zkaddr == server.address + chroot
    assert zk.watches == {"/service"}
    assert list(children) == []


# --- registering


def test_z08_a_server_is_an_ephemeral_child_named_by_its_address(zk: ZooKeeper) -> None:
    zk.register_server("/service", ADDRESS)

    stat = zk.exists(NODE)
    assert stat is not None
    assert stat.owner_session_id == session_id(zk.client)


def test_z09_a_registration_holds_its_properties_and_always_our_pid(zk: ZooKeeper) -> None:
    zk.register_server("/service", ADDRESS, weight=3, pid="forged")

    assert json.loads(zk.get(NODE)[0]) == {"pid": os.getpid(), "weight": 3}


def test_z10_everybody_may_read_a_registration_and_nobody_write_it(zk: ZooKeeper) -> None:
    zk.register_server("/service", ADDRESS)

    acl = zk.client.get_acls(NODE)[0]
    assert acl == [zc.zk.world_permission()]
    assert acl[0] == zc.zk.ACL(Permissions.READ, zc.zk.Id("world", "anyone"))
    assert zc.zk.world_permission(Permissions.ALL).perms == Permissions.ALL
    with pytest.raises(zc.zk.NoAuthError):
        zk.set(NODE, b"{}")


def test_z10_a_registration_takes_another_acl(zk: ZooKeeper) -> None:
    zk.register_server("/service", ADDRESS, acl=zc.zk.OPEN_ACL_UNSAFE)

    assert zk.client.get_acls(NODE)[0] == zc.zk.OPEN_ACL_UNSAFE


def test_z11_closing_removes_the_registration(zk: ZooKeeper, other: ZooKeeper) -> None:
    zk.register_server("/service", ADDRESS)

    zk.close()

    assert other.exists(NODE) is None


@pytest.mark.slow
def test_z11_the_death_of_the_process_removes_the_registration(zk: ZooKeeper) -> None:
    program = (
        "import sys, zc.zk\n"
        "zk = zc.zk.ZooKeeper(sys.argv[1], session_timeout=0.5)\n"
        "zk.register_server('/service', ('192.168.0.42', 8080))\n"
        "print('registered', flush=True)\n"
        "sys.stdin.read()\n"
    )
    children = zk.children("/service")
    with subprocess.Popen(
        [sys.executable, "-c", program, zk.zkaddr],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "registered\n"
        wait_until(lambda: list(children) == ["192.168.0.42:8080"], SOON)

        process.kill()

    wait_until(lambda: list(children) == [], SOON)


def test_z12_registering_an_address_twice_is_an_error_at_once(zk: ZooKeeper) -> None:
    zk.register_server("/service", ADDRESS)

    with pytest.raises(zc.zk.NodeExistsError) as failed:
        zk.register_server("/service", ADDRESS)

    assert failed.value.owner == session_id(zk.client)


def test_z13_the_service_must_exist_and_is_not_created(zk: ZooKeeper) -> None:
    with pytest.raises(zc.zk.NoNodeError):
        zk.register_server("/missing", ADDRESS)

    assert zk.exists("/missing") is None


@pytest.mark.slow
def test_z14_a_registration_comes_back_after_a_lost_session(
    zk: ZooKeeper, server: AnyServer
) -> None:
    zk.register_server("/service", ADDRESS, weight=3)

    lose_session(zk.client, server)

    wait_until(lambda: zk.exists(NODE), SOON)
    stat = zk.exists(NODE)
    assert stat is not None
    assert stat.owner_session_id == session_id(zk.client)
    assert zk.get_properties(NODE) == {"pid": os.getpid(), "weight": 3}


# --- logging, printing, closing


def test_z35_the_protocol_is_logged_under_its_name_and_the_rest_under_ours(
    zk: ZooKeeper, proxy: FaultProxy, chroot: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), ZooKeeper(proxy.address + chroot) as followed:
        followed.get_properties("/service")
        proxy.cut()
        wait_until(lambda: "SUSPENDED" in caplog.text, SOON)
        zk.set("/service", b"{broken}")
        followed.get_properties("/service")

    told = {(record.name, record.levelno) for record in caplog.records}
    assert ("ZooKeeper", logging.INFO) in told
    assert ("zc.zk", logging.ERROR) in told


def test_z36_a_tree_is_printed_with_its_properties(
    zk: ZooKeeper, capsys: pytest.CaptureFixture[str]
) -> None:
    zk.create("/service/b", b'{"y": 1, "x": "z"}')
    zk.create("/service/a")

    zk.print_tree()
    zk.print_tree("/service/b", indent=1)

    assert capsys.readouterr().out == (
        "/\n"
        "  /service\n"
        "    {\n"
        '      "threads": 1\n'
        "    }\n"
        "    /a\n"
        "    /b\n"
        "      {\n"
        '        "x": "z",\n'
        '        "y": 1\n'
        "      }\n"
        " /b\n"
        "   {\n"
        '     "x": "z",\n'
        '     "y": 1\n'
        "   }\n"
    )


def test_z37_closing_ends_the_session_and_may_be_repeated(zk: ZooKeeper, other: ZooKeeper) -> None:
    client = zk.client
    zk.create("/service/ours", ephemeral=True)

    zk.close()
    zk.close()

    assert other.exists("/service/ours") is None
    assert not client.connected
    assert not zk.connected.is_set()
    with pytest.raises(zc.zk.ConnectionClosedError):
        zk.get("/service")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.168.0.42:8080", ("192.168.0.42", 8080)),
        ("example.com:80", ("example.com", 80)),
        ("[::1]:8080", ("::1", 8080)),
        ("[2001:db8::7]:65535", ("2001:db8::7", 65535)),
    ],
)
def test_z38_an_address_is_parsed_and_registered_alike(
    zk: ZooKeeper, text: str, address: tuple[str, int]
) -> None:
    assert zc.zk.parse_addr(text) == address

    zk.register_server("/service", address)

    assert zk.get_children("/service") == [text]


@pytest.mark.parametrize(
    "address",
    ["8080", "host:", "host:port", "host:0", "host:65536", "::1:8080", "a/b:80", ("", 80)],
)
def test_z38_what_is_no_address_is_refused_and_nothing_registered(
    zk: ZooKeeper, address: Any
) -> None:
    with pytest.raises(zc.zk.ArgumentError):
        zk.register_server("/service", address)

    assert zk.get_children("/service") == []


@pytest.mark.parametrize("address", [8080, None, ("host",), ("host", "80"), (1, 2)])
def test_z38_an_address_of_another_type_is_a_type_error(zk: ZooKeeper, address: Any) -> None:
    with pytest.raises(TypeError):
        zk.register_server("/service", address)


def test_z38_an_address_is_taken_as_a_socket_tells_it(zk: ZooKeeper) -> None:
    zk.register_server("/service", ("fe80::1", 8080, 0, 2))
    zk.register_server("/service", "[::1]:8080")

    assert sorted(zk.get_children("/service")) == ["[::1]:8080", "[fe80::1]:8080"]


def test_z39_live_objects_show_their_class_session_and_path(zk: ZooKeeper) -> None:
    session = f"{session_id(zk.client):#x}"

    assert repr(zk.children("/service")) == f"zc.zk.Children({session}, /service)"
    assert repr(zk.properties("/service")) == f"zc.zk.Properties({session}, /service)"


# --- beyond zc.zk 0.1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "form",
    ["{server}{chroot}", " {server} , {nobody}{chroot}", "[::ffff:127.0.0.1]:{port}{chroot}"],
)
def test_a_connection_string_has_spaces_ipv6_in_brackets_and_a_chroot(
    zk: ZooKeeper, server: AnyServer, chroot: str, form: str
) -> None:
    nobody = f"{LOOPBACK}:{free_port()}"
    text = form.format(server=server.address, nobody=nobody, port=server.port, chroot=chroot)

    with ZooKeeper(text) as found:
        assert found.get_properties("/service") == {"threads": 1}
        assert found.zkaddr.endswith(chroot)


def test_the_environment_names_the_server(zk: ZooKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZC_ZK_CONNECTION_STRING", zk.zkaddr)

    with zc.zk.ZK() as found:
        assert found.get_properties("/service") == {"threads": 1}


@pytest.mark.parametrize("text", ["", "host:port", "a b:2181", "host:2181/a//b", "[::1:2181", "/a"])
def test_a_connection_string_that_cannot_be_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a|no server"):
        ZooKeeper(text)


@pytest.mark.parametrize("connection", [True, 2.5, b"host:2181", ["host:2181"]])
def test_what_names_no_server_is_a_type_error(connection: Any) -> None:
    with pytest.raises(TypeError):
        ZooKeeper(connection)


@pytest.mark.parametrize(
    ("registry", "other_client", "needed"),
    [
        (ZooKeeper, zc.zk.aio.Client, "zc.zk.Client"),
        (zc.zk.aio.ZooKeeper, Client, "zc.zk.aio.Client"),
    ],
)
def test_a_client_of_the_other_kind_is_a_type_error(
    registry: Any, other_client: Any, needed: str
) -> None:
    with pytest.raises(TypeError, match=f"a port or a {needed} is needed, not <"):
        registry(other_client("host:2181"))


def test_a_client_that_was_given_is_used_and_left_open(server: AnyServer, chroot: str) -> None:
    with Client(server.address + chroot) as client:
        zk = ZooKeeper(client)
        zk.create("/service")
        zk.register_server("/service", ADDRESS)

        zk.close()

        assert client.get_children("/service") == []
        assert client.connected


def test_a_client_that_was_given_is_started(server: AnyServer, chroot: str) -> None:
    client = Client(server.address + chroot)

    with ZooKeeper(client) as zk:
        assert zk.client is client
        assert zk.exists("/") is not None
    client.stop()


def test_the_lower_level_is_that_of_the_client(zk: ZooKeeper) -> None:
    events: list[str] = []

    assert zk.create("/low", b"1") == "/low"
    assert zk.get("/low", lambda event: events.append(event.type))[0] == b"1"
    assert zk.set("/low", b"2").version == 1
    assert zk.exists("/low") is not None
    assert sorted(zk.get_children("/")) == ["low", "service"]
    assert zk.delete("/low")
    wait_until(lambda: events == ["CHANGED"], SOON)


@pytest.mark.slow
def test_deleting_the_node_of_a_registration_withdraws_it(zk: ZooKeeper, server: AnyServer) -> None:
    zk.register_server("/service", ADDRESS)

    zk.delete(NODE)
    lose_session(zk.client, server)

    assert remains(lambda: zk.exists(NODE) is None, A_MOMENT)


@only_threads
def test_a_helper_shows_its_address_and_state(zk: ZooKeeper) -> None:
    assert repr(zk) == f"<zc.zk.ZooKeeper {zk.zkaddr} CONNECTED>"
    assert zk.state is KeeperState.CONNECTED


@pytest.mark.slow
def test_any_thread_may_close_while_another_waits(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    zk = ZooKeeper(proxy.address + chroot)
    proxy.black_hole()
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(zk.get, "/")
        wait_until(lambda: any(frame.opcode == 4 for frame in proxy.frames), SOON)

        zk.close()

        with pytest.raises(zc.zk.ConnectionClosedError):
            asked.result(stretched(SOON))
