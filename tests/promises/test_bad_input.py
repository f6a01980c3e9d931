"""Issue 2, "Bad input": each is a typed error with one clear line, and costs no more than it must."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests import wire
from tests.frames import reply_to
from tests.ports import LOOPBACK, free_port
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.scripted import Peer, Script, ScriptedServer, answering, saying
from tests.waiting import remains, wait_until
from tests.wire import Opcode
from zc.zk import (
    ArgumentError,
    ArgumentTypeError,
    Client,
    ConnectionLoss,
    FailedConnect,
    OperationTimeoutError,
    ProtocolError,
    RequestTooLargeError,
    ResponseTooLargeError,
    UnknownError,
    ZooKeeper,
    ZooKeeperError,
)

SHORT = 0.4


def error_of(call: Callable[[], object]) -> ZooKeeperError:
    """Give the error of a call: one of ours, of one line."""
    with pytest.raises(ZooKeeperError) as caught:
        call()
    text = str(caught.value)
    assert text
    assert "\n" not in text
    assert len(text) < 400
    return caught.value


def failed_start(hosts: str) -> str:
    error = error_of(lambda: Client(hosts, connect_timeout=0.2).start(SHORT))
    assert type(error) is FailedConnect
    return str(error)


# --- servers that are not there


def test_no_server_names_the_endpoint_and_why() -> None:
    address = f"{LOOPBACK}:{free_port()}"

    assert failed_start(address) == (
        f"no ZooKeeper server within 0.4 s ({address}: connection refused)"
    )


def test_no_server_among_several_names_each() -> None:
    addresses = [f"{LOOPBACK}:{free_port()}" for _ in range(3)]
    error = error_of(lambda: Client(addresses).start(1.0))

    assert isinstance(error, FailedConnect)
    assert dict(error.attempts) == dict.fromkeys(addresses, "connection refused")
    assert all(f"{address}: connection refused" in str(error) for address in addresses)


def test_a_host_without_an_address_says_so() -> None:
    text = failed_start("no-such-host.invalid:2181")

    assert text.startswith("no ZooKeeper server within 0.4 s (no-such-host.invalid:2181: ")


def test_a_registry_says_the_same() -> None:
    address = f"{LOOPBACK}:{free_port()}"
    error = error_of(lambda: ZooKeeper(address, start_timeout=SHORT))

    assert type(error) is FailedConnect
    assert str(error) == f"no ZooKeeper server within 0.4 s ({address}: connection refused)"


def test_a_good_server_among_bad_ones_is_found(real_server: RealServer) -> None:
    with ScriptedServer(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as other:
        bad = f"{LOOPBACK}:{free_port()},{other.address}"

        with Client(f"{bad},{real_server.address}") as client:
            assert client.exists("/")


# --- peers that are not ZooKeeper


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def web_server() -> Iterator[str]:
    server = HTTPServer((LOOPBACK, free_port()), _Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"{LOOPBACK}:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_web_server_is_not_zookeeper(web_server: str) -> None:
    # What it says to our greeting, if it says anything, is its own affair: a line that never ends is no request yet.
    assert failed_start(web_server) in {
        f"no ZooKeeper server within 0.4 s ({web_server}: {why})"
        for why in ("no answer within 0.2 s", "the server hung up without opening a session")
    }


def hang_up(peer: Peer) -> None:
    peer.receive()
    peer.end()


def hang_up_at_once(peer: Peer) -> None:
    peer.end()


def reset(peer: Peer) -> None:
    peer.receive()
    peer.end(rst=True)


PEERS: dict[str, tuple[Script, str]] = {
    "HTTP": (
        saying(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        "the peer is not a ZooKeeper server: it sent b'HTTP/1.1 400 Bad Request'",
    ),
    "SSH": (
        saying(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
        "the peer is not a ZooKeeper server: it sent b'SSH-2.0-OpenSSH_9.2p1 De'",
    ),
    "SMTP": (
        saying(b"220 mail.example.org ESMTP Postfix\r\n"),
        "the peer is not a ZooKeeper server: it sent b'220 mail.example.org ESM'",
    ),
    "TLS alert": (
        saying(b"\x15\x03\x01\x00\x02\x02\x46" + bytes(20)),
        "a frame of 352518400 bytes, where up to 256 are accepted",
    ),
    "silence": (Peer.stay_silent, "no answer within 0.2 s"),
    "hang-up": (hang_up, "the server hung up without opening a session"),
    "hang-up at once": (hang_up_at_once, "the server hung up without opening a session"),
    "reset": (reset, "connection reset by peer"),
    "a frame cut short": (
        saying(wire.connect_response()[:-5]),
        "the server hung up without opening a session",
    ),
    "a frame too long": (
        saying(wire.frame(bytes(5000))),
        "a frame of 5000 bytes, where up to 256 are accepted",
    ),
    "a refusal": (saying(wire.session_refused()), "the server refused to open a session"),
}


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_that_is_not_zookeeper_is_named_with_what_it_did(name: str) -> None:
    script, why = PEERS[name]
    with ScriptedServer(script) as server:
        assert failed_start(server.address) == (
            f"no ZooKeeper server within 0.4 s ({server.address}: {why})"
        )


def test_a_port_that_accepts_and_never_reads_is_given_up_in_time() -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        address = f"{LOOPBACK}:{listener.getsockname()[1]}"

        assert failed_start(address) == (
            f"no ZooKeeper server within 0.4 s ({address}: no answer within 0.2 s)"
        )


# --- frames that cannot be


def test_a_frame_too_long_is_an_error_of_its_call_that_names_the_limit_and_the_path(
    client: Client, network: FaultProxy
) -> None:
    network.rewrite(
        reply_to(Opcode.GET_DATA), lambda it: [(2**25).to_bytes(4, "big") + it], times=1
    )

    error = error_of(lambda: client.get("/"))

    assert type(error) is ResponseTooLargeError
    assert str(error) == "a frame of 33554432 bytes, where up to 16777216 are accepted: /"
    assert client.exists("/")
    assert len(network.attempts) == 2


def test_a_record_cut_short_is_an_error_of_its_call(client: Client, network: FaultProxy) -> None:
    network.rewrite(reply_to(Opcode.GET_DATA), lambda payload: payload[:-60], times=1)

    error = error_of(lambda: client.get("/"))

    assert type(error) is ProtocolError
    assert str(error) == "a field of 68 bytes where 8 are left"
    assert client.exists("/")
    assert len(network.attempts) == 2


def test_a_reply_nobody_asked_for_costs_the_connection_and_no_call(
    client: Client, network: FaultProxy
) -> None:
    network.inject(wire.reply(4711))

    wait_until(lambda: len(network.attempts) == 2, 2.0)
    assert client.exists("/")


def test_a_reply_nobody_asked_for_leaves_a_write_unknown(
    client: Client, network: FaultProxy
) -> None:
    network.rewrite(reply_to(Opcode.SET_DATA), lambda payload: [wire.reply(4711)], times=1)

    error = error_of(lambda: client.set("/", b""))

    assert isinstance(error, ConnectionLoss)
    why = "a reply to request 4711, where 2 is next"  # the first was about the chroot
    assert str(error) == f"connection lost: / ({why}); it may have been applied"


def test_an_unknown_error_code_is_an_error_of_its_call_with_the_number(
    client: Client, network: FaultProxy
) -> None:
    network.rewrite(
        reply_to(Opcode.GET_DATA),
        lambda payload: payload[:12] + (-4711).to_bytes(4, "big", signed=True),
        times=1,
    )

    error = error_of(lambda: client.get("/"))

    assert type(error) is UnknownError
    assert error.number == -4711
    assert str(error) == "unknown error code -4711: /"
    assert remains(lambda: len(network.attempts) == 1, 0.2)


def test_a_call_that_is_never_answered_ends_in_time_and_says_why() -> None:
    with ScriptedServer(answering(lambda request: None)) as server:
        client = Client(server.address, operation_timeout=0.2)
        client.start()

        error = error_of(lambda: client.get("/a"))
        client.stop()

    assert isinstance(error, OperationTimeoutError)
    assert str(error) == "no answer in time: /a"


# --- what the caller got wrong


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("a", ArgumentError, "not a path, it does not start with a slash: 'a'"),
        ("", ArgumentError, "not a path, it is empty: ''"),
        ("/a//b", ArgumentError, "not a path, it has an empty part: '/a//b'"),
        ("/a/", ArgumentError, "not a path, it ends with a slash: '/a/'"),
        ("/a/../b", ArgumentError, "not a path, it has a part that is . or ..: '/a/../b'"),
        ("/a\nb", ArgumentError, "not a path, it holds U+000A: '/a\\nb'"),
        ("/\ud800", ArgumentError, "not a path, it holds U+D800: '/\\ud800'"),
        (None, ArgumentTypeError, "a path must be a string, not NoneType: None"),
        (b"/a", ArgumentTypeError, "a path must be a string, not bytes: b'/a'"),
    ],
)
def test_a_path_that_cannot_be_is_named_with_its_fault(
    client: Client, path: str, kind: type[ZooKeeperError], text: str
) -> None:
    error = error_of(lambda: client.get(path))

    assert isinstance(error, kind)
    assert str(error) == text


@pytest.mark.parametrize(
    "hosts",
    ["", ",", "/chroot", "h:0", "h:65536", "h:x", "h:-1", "h:1:2", "[::1", "[h]:1", ":2181", "a b"],
)
def test_a_connection_string_that_cannot_be_is_named(hosts: str) -> None:
    error = error_of(lambda: Client(hosts))

    assert type(error) is ArgumentError
    assert repr(hosts) in str(error)


@pytest.mark.parametrize("address", ["h", "h:", "h:x", "h:0", "h:65536", ":1", "[::1:1", "a/b:1"])
def test_an_address_that_cannot_be_is_named(client: Client, address: str) -> None:
    error = error_of(lambda: ZooKeeper(client).register("/", address))

    assert type(error) is ArgumentError
    assert address in str(error)


@pytest.mark.parametrize(
    "address", [None, 7, ("h",), ("h", "1"), (1, "h"), ("h", 1.5), ("h", True)]
)
def test_an_address_of_a_wrong_type_is_named(client: Client, address: str) -> None:
    error = error_of(lambda: ZooKeeper(client).register("/", address))

    assert type(error) is ArgumentTypeError
    assert repr(address) in str(error)


def test_data_over_one_mib_are_refused_with_the_size_the_limit_and_the_path(
    client: Client, network: FaultProxy, home: str
) -> None:
    error = error_of(lambda: client.create("/large", bytes(2**20)))

    assert type(error) is RequestTooLargeError
    size = 2**20 + 47 + len(home + "/large")
    assert str(error) == f"the request is {size} bytes, servers accept 1048575: Create /large"
    assert len(network.attempts) == 1
    assert client.exists("/large") is None
