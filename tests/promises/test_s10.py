"""S10: the embedded server is safe to start anywhere: on loopback, within bounds, and by what it was told alone."""

import hmac
import json
import logging
import random
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fuzz.operations import operation
from tests.fuzz.server import OPCODES
from tests.fuzz.tape import Tape, pieces
from tests.ports import LOOPBACK, free_port
from tests.promises.programs import run_program
from tests.server.wireclient import (
    ClosedError,
    WireClient,
    connect_frame,
    raw_request,
    request_frame,
)
from tests.servers import AnyServer
from zc.zk import operations as ops
from zc.zk.cli import server_options
from zc.zk.cli.parser import Parser
from zc.zk.codes import DEFAULT_PORT, MAX_REQUEST_BYTES, ErrorCode
from zc.zk.records import ConnectResponse
from zc.zk.server.net import listen
from zc.zk.server.settings import Settings
from zc.zk.server.words import WORDS
from zc.zk.testing import Server

EVERYWHERE = "0.0.0.0"  # noqa: S104 (the point of the test)
PATIENCE = 10.0
ANSWERED = {"ruok", "srvr", "mntr", "isro", "envi"}


def has_ipv6() -> bool:
    try:
        listen("::1", 0).close()
    except OSError:
        return False
    return True


def accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError:
        return False
    return True


def ask(port: int, word: str) -> str:
    with socket.create_connection((LOOPBACK, port), PATIENCE) as connection:
        connection.sendall(word.encode())
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()


@pytest.fixture
def embedded() -> Iterator[Server]:
    with Server() as server:
        yield server


# Starts the server that its first argument names, on the port that is the second, and uses it.
COMMAND = """
        import os, signal, sys, threading
        import zc.zk.cli.main, zc.zk.cli.server, zc.zk.testing
        from tests.server.wireclient import WireClient
        from zc.zk import operations as ops

        def use(port):
            with WireClient(port) as client:
                client.call(ops.Create("/n", b"x"))
                client.call(ops.GetData("/n"))
                print(client.response.password)

        def tell(host, port):
            def use_and_end():
                use(port)
                os.kill(os.getpid(), signal.SIGTERM)

            threading.Thread(target=use_and_end).start()

        begin()
        if sys.argv[1] == "server":
            with zc.zk.testing.Server() as server:
                use(server.port)
        else:
            zc.zk.cli.server._tell = tell
            zc.zk.cli.main.main(["server", "--port", sys.argv[2]])
"""
AUDIT = """
        import atexit, json, os, sys

        opened, asked = [], []
        atexit.register(lambda: print(json.dumps([opened, asked])))

        def begin():
            sys.addaudithook(lambda event, to: event == "open" and opened.append(str(to[0])))
            look_up = type(os.environ).__getitem__
            type(os.environ).__getitem__ = lambda it, name: asked.append(name) or look_up(it, name)
"""


# Where it listens


def test_s10_it_binds_127_0_0_1_and_a_free_port_unless_told_otherwise(embedded: Server) -> None:
    with Server() as other:
        assert embedded.address == f"127.0.0.1:{embedded.port}"
        assert 0 < embedded.port != other.port > 0
        assert accepts(LOOPBACK, embedded.port)
        assert not accepts("::1", embedded.port)
        assert not accepts("127.0.0.2", embedded.port)


def test_s10_the_command_binds_127_0_0_1_and_the_port_of_zookeeper_unless_told_otherwise() -> None:
    parser = Parser()
    server_options.add_options(parser)

    arguments = parser.parse_args([])

    assert (arguments.host, arguments.port) == (LOOPBACK, DEFAULT_PORT)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_s10_it_binds_the_other_loopback_only_if_asked(caplog: pytest.LogCaptureFixture) -> None:
    with Server(host="::1") as server:
        assert server.address == f"[::1]:{server.port}"
        assert accepts("::1", server.port)
        assert not accepts(LOOPBACK, server.port)

    assert not caplog.records


def test_s10_another_interface_needs_an_explicit_host_and_warns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING), Server(host=EVERYWHERE):
        pass

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"listening on {EVERYWHERE}: whoever reaches it can ")


def test_s10_loopback_does_not_warn(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), Server(), Server(host="localhost"):
        pass

    assert not caplog.records


# Passwords of sessions


def test_s10_session_passwords_come_from_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bytes] = []

    def token_bytes(count: int) -> bytes:
        given.append(random.Random(len(given)).randbytes(count))
        return given[-1]

    monkeypatch.setattr(secrets, "token_bytes", token_bytes)
    with Server() as server:
        clients = [WireClient(server.port) for _ in range(3)]
        for client in clients:
            client.socket.close()

    assert [client.response.password for client in clients] == given
    assert {len(each) for each in given} == {16}


def test_s10_the_command_has_passwords_from_secrets_too() -> None:
    program = """
        import secrets
        secrets.token_bytes = lambda count: bytes(range(count))
        begin = bool
    """

    assert run_program(program + COMMAND, "command", str(free_port())) == f"{bytes(range(16))!r}\n"


def test_s10_no_two_sessions_have_the_same_password(embedded: Server) -> None:
    passwords = set()
    for _ in range(100):
        with WireClient(embedded.port) as client:
            passwords.add(client.response.password)

    assert len(passwords) == 100


def test_s10_passwords_are_compared_in_constant_time(
    embedded: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def spy(own: bytes, shown: bytes) -> bool:
        compared.append((own, shown))
        return compare(own, shown)

    with WireClient(embedded.port) as client:
        session_id, password = client.response.session_id, client.response.password
        monkeypatch.setattr(hmac, "compare_digest", spy)
        for shown in (b"", password[:-1] + bytes([password[-1] ^ 1]), password * 2, password):
            WireClient(embedded.port, connect_frame(session_id, shown)).socket.close()

    assert [each[0] for each in compared] == [password] * 4
    assert [compare(*each) for each in compared] == [False, False, False, True]


@pytest.mark.parametrize("change", [lambda it: it[:-1], lambda it: bytes(16), lambda it: b""])
def test_s10_a_wrong_password_is_refused_as_by_a_real_server(
    change: Callable[[bytes], bytes], every_server: AnyServer
) -> None:
    with WireClient(every_server.port) as client:
        session_id, password = client.response.session_id, client.response.password
        shown = connect_frame(session_id, change(password))

        with WireClient(every_server.port, shown) as intruder:
            assert intruder.response == ConnectResponse(0, 0, bytes(16), read_only=False)
            with pytest.raises(ClosedError):
                intruder.call(ops.GetData("/"))

    with WireClient(every_server.port, connect_frame(session_id, password)) as again:
        assert again.response.session_id == session_id


# Four-letter words


def test_s10_words_that_tell_of_clients_or_data_are_answered_to_nobody(embedded: Server) -> None:
    with WireClient(embedded.port) as client:
        client.call(ops.Create("/secret-name", b"secret-data"))
        client.call(ops.Exists("/secret-name", ops.Watch()))
        for word in sorted(each.decode() for each in WORDS):
            answer = ask(embedded.port, word)
            refusal = f"{word} is not executed because it is not in the whitelist.\n"
            assert (answer == refusal) is (word not in ANSWERED), word
            assert "secret" not in answer
            assert f"{client.response.session_id:x}" not in answer


def test_s10_what_is_answered_is_what_every_monitor_and_client_asks_for(embedded: Server) -> None:
    # Two more than S10 names: by `isro` clients look for a server that takes writes, and kazoo reads
    # the version from `envi`, which tells nothing else of the machine.
    assert set(Settings().words) == ANSWERED
    assert ask(embedded.port, "ruok") == "imok"
    assert ask(embedded.port, "isro") == "rw"
    assert ask(embedded.port, "srvr").startswith("Zookeeper version: ")
    assert ask(embedded.port, "mntr").startswith("zk_version\t")
    lines = ask(embedded.port, "envi").splitlines()
    assert [line.partition("=")[0] for line in lines] == ["Environment:", "zookeeper.version"]


# Caps


def test_s10_every_cap_has_a_default() -> None:
    settings = Settings()

    assert settings.most_connections == 10_000
    assert settings.most_request_bytes == MAX_REQUEST_BYTES == 1_048_575
    assert settings.most_nodes == 2_000_000
    assert settings.most_data_bytes == 1 << 30
    assert settings.most_watched_bytes == 1 << 27
    assert settings.most_identity_bytes == 1 << 18
    assert settings.unsent_bytes_to_drop == 1 << 26


def test_s10_connections_are_capped() -> None:
    with (
        Server(settings=Settings(most_connections=2)) as server,
        WireClient(server.port) as first,
        WireClient(server.port) as second,
    ):
        with pytest.raises((ClosedError, ConnectionError)):
            WireClient(server.port)
        assert first.call(ops.Ping()).error == second.call(ops.Ping()).error == 0


def test_s10_frames_are_capped_as_by_a_real_server(every_server: AnyServer) -> None:
    head = len(request_frame(1, ops.Create("/s10", b""))) - 4
    with WireClient(every_server.port) as client:
        too_long = request_frame(1, ops.Create("/s10", bytes(MAX_REQUEST_BYTES - head + 1)))
        client.socket.sendall(too_long[:1000])
        assert client.is_hung_up()
    with WireClient(every_server.port) as client:
        assert client.call(ops.Create("/s10", bytes(MAX_REQUEST_BYTES - head))).error == 0
        assert client.call(ops.Delete("/s10")).error == 0


@pytest.mark.parametrize(
    ("settings", "operations"),
    [
        (Settings(most_nodes=8), [ops.Create(f"/{number}") for number in range(9)]),
        (
            Settings(most_data_bytes=100_000),
            [ops.Create(f"/{number}", bytes(30_000)) for number in range(9)],
        ),
        (
            Settings(most_data_bytes=100_000),
            [ops.Create(f"/{number}" + "n" * 30_000) for number in range(9)],
        ),
    ],
    ids=["nodes", "data", "names"],
)
def test_s10_nodes_and_data_are_capped(settings: Settings, operations: list[ops.Create]) -> None:
    with Server(settings=settings) as server, WireClient(server.port) as client:
        errors = [client.call(each).error for each in operations]

        assert set(errors[:3]) == {0}
        assert set(errors[5:]) == {ErrorCode.QUOTA_EXCEEDED}
        assert client.call(ops.GetData("/")).error == 0
        assert client.call(ops.Delete(operations[0].path)).error == 0
        assert client.call(operations[0]).error == 0


# Fuzzed from the client's side


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_s10_whatever_clients_send_another_one_is_served(
    first: int, embedded: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with WireClient(embedded.port) as witness:
        for seed in range(first, first + 20):
            tape = Tape(random.Random(seed).randbytes(2000))
            with WireClient(embedded.port) as client:
                client.socket.settimeout(0.02)
                try:
                    while not tape.is_over:
                        for piece in pieces(_frame(tape), tape):
                            client.socket.sendall(piece)
                    while client.socket.recv(65_536):
                        pass
                except OSError:
                    pass  # hung up on, or nothing more to be said
            assert witness.call(ops.Ping()).error == 0

    # A bug of ours would cost its connection alone, and be logged.
    assert [each.getMessage() for each in caplog.records] == []


def _frame(tape: Tape) -> bytes:
    kind = tape.below(8)
    if kind == 7:
        return tape.blob()
    if kind == 6:
        return raw_request(tape.number(), tape.choose(OPCODES), tape.fields())
    return request_frame(tape.number(), operation(tape))


# What it reads


@pytest.mark.parametrize("what", ["server", "command"])
def test_s10_it_reads_no_file_and_nothing_of_the_environment(what: str) -> None:
    told = run_program(AUDIT + COMMAND, what, str(free_port()))
    opened, asked = json.loads(told.splitlines()[-1])

    # Modules that are imported late, and what the standard library's argparse asks for its messages.
    others = [each for each in opened if not each.endswith((".py", ".pyc", ".so", ".mo"))]
    assert [each for each in others if not each.isdecimal()] == []
    assert set(asked) <= {"LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS", "LINES"}


def test_s10_what_apache_is_configured_by_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = "clientPort=1\nclientPortAddress=0.0.0.0\n4lw.commands.whitelist=*\n"
    for name in ("zoo.cfg", "zookeeper.cfg", "zk.cfg", ".zkrc", "conf"):
        (tmp_path / name).write_text(config)
    monkeypatch.chdir(tmp_path)
    for name in ("ZOOCFGDIR", "ZOOCFG", "ZOO_CONF_DIR", "ZK_CONF", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("ZOO_PORT", "ZK_PORT", "PORT", "CLIENT_PORT"):
        monkeypatch.setenv(name, "1")
    for name in ("ZOO_4LW_COMMANDS_WHITELIST", "ZK_WORDS", "JVMFLAGS", "SERVER_JVMFLAGS"):
        monkeypatch.setenv(name, "*")

    with caplog.at_level(logging.WARNING), Server() as server:
        assert server.address.startswith("127.0.0.1:")
        assert "whitelist" in ask(server.port, "stat")

    assert not caplog.records
