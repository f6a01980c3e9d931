"""`zk server` as a process: what it prints, how it ends, and that it keeps its word when killed."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.keys import Keys
from tests.server.wireclient import ClosedError, WireClient
from tests.waiting import stretched
from zc.zk import TLS, Client, DigestMD5
from zc.zk import operations as ops
from zc.zk.cli.main import main
from zc.zk.codes import ErrorCode

COMMAND = (sys.executable, "-m", "zc.zk.cli.main", "server")
SOURCES = Path(__file__).parents[2] / "src"


class Process:
    """A running `zk server`."""

    def __init__(self, *options: str, command: Sequence[str] = COMMAND) -> None:
        self.popen = subprocess.Popen(
            [*command, "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
        )
        assert self.popen.stdout is not None
        self.first_line = self.popen.stdout.readline()
        self.port = int(self.first_line.rpartition(":")[2] or 0)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; give the exit code and all that was written since the first line."""
        self.popen.send_signal(number)
        out, error = self.popen.communicate(timeout=stretched(10))
        return self.popen.returncode, out, error


@contextlib.contextmanager
def process(*options: str, command: Sequence[str] = COMMAND) -> Iterator[Process]:
    it = Process(*options, command=command)
    try:
        yield it
    finally:
        it.popen.kill()
        it.popen.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_by_a_signal(number: signal.Signals) -> None:
    with process() as it:
        assert it.first_line == f"ZooKeeper server on 127.0.0.1:{it.port}\n"
        with WireClient(it.port) as client:
            assert client.call(ops.Create("/n")).error == 0

            assert it.end(number) == (0, "", "")

            assert client.is_hung_up()


# The system hands the signal to the other thread. So the main one sleeps on, as it would had the signal come in
# the moment between its last look and its sleep.
BESIDE_A_THREAD_THAT_TAKES_SIGNALS = """
import signal, sys, threading
from zc.zk.cli.main import main

threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
sys.exit(main(["server", *sys.argv[1:]]))
"""


def test_a_signal_that_does_not_interrupt_its_sleep_ends_it() -> None:
    command = (sys.executable, "-c", BESIDE_A_THREAD_THAT_TAKES_SIGNALS)
    with process(command=command) as it:
        assert it.end() == (0, "", "")


def test_another_host_is_warned_of() -> None:
    with process("--host", "0.0.0.0") as it:  # noqa: S104 (the point of the test)
        assert it.first_line == f"ZooKeeper server on 0.0.0.0:{it.port}\n"

        code, _, error = it.end()

    assert code == 0
    assert error.count("\n") == 1
    assert "listening on 0.0.0.0" in error


def test_a_short_tick_makes_short_sessions() -> None:
    with process("--tick-time", "0.01") as it, WireClient(it.port) as client:
        assert client.response.timeout == 10_000


def test_users_log_in_with_the_passwords_of_a_file(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("alice:secret:of:alice\n\nroot:secret of root\n")
    login = DigestMD5("root", "secret of root")
    with (
        process("--sasl-users", str(users), "--super-user", "root") as it,
        Client(f"127.0.0.1:{it.port}", sasl=login) as client,
    ):
        identities = [tuple(each) for each in client.who_am_i()]

    assert identities == [("ip", "127.0.0.1"), ("sasl", "root"), ("super", "")]


def test_an_identity_can_be_required() -> None:
    with process("--require", "digest,sasl") as it, WireClient(it.port) as client:
        assert client.call(ops.Auth("digest", b"bob:pw")).error == 0
        assert client.call(ops.Exists("/")).error == 0
        with WireClient(it.port) as stranger:
            assert (
                stranger.call(ops.Exists("/")).error == ErrorCode.SESSION_CLOSED_REQUIRE_SASL_AUTH
            )


def test_the_port_can_speak_tls_with_those_who_show_a_certificate(keys: Keys) -> None:
    own, shown = keys.server, keys.client
    files = ["--tls-cert", own.certificate, "--tls-key", own.key, "--tls-client-ca", keys.trusted]
    tls = TLS(ca=keys.trusted, certificate=shown.certificate, key=shown.key)
    with (
        process(*map(str, files)) as it,
        Client(f"127.0.0.1:{it.port}", tls=tls) as client,
    ):
        identities = [tuple(each) for each in client.who_am_i()]

    assert identities == [("ip", "127.0.0.1"), ("x509", "CN=client")]


@pytest.mark.parametrize(("version", "is_newer"), [("3.8", False), ("3.9", True)])
def test_it_behaves_as_the_version_that_is_asked_for(version: str, is_newer: bool) -> None:
    with process("--emulate", version) as it, WireClient(it.port) as client:
        client.call(ops.Exists("/n", ops.Watch()))
        client.call(ops.Create("/n"))

        assert (client.events[0].zxid > 0) is is_newer


def test_a_host_can_be_allowed_few_connections() -> None:
    with process("--max-client-cnxns", "1") as it, WireClient(it.port) as client:
        with pytest.raises(ClosedError):
            WireClient(it.port)

        assert client.call(ops.Ping()).error == 0


def test_a_shell_that_allows_few_open_files_does_not_bound_its_connections() -> None:
    with (
        process(command=("sh", "-c", 'ulimit -Sn 32; exec "$@"', "sh", *COMMAND)) as it,
        contextlib.ExitStack() as stack,
    ):
        clients = [stack.enter_context(WireClient(it.port)) for _ in range(40)]

        assert clients[-1].call(ops.Ping()).error == 0


def ask(port: int, word: bytes) -> str:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(word)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def test_words_that_tell_more_can_be_allowed(tmp_path: Path) -> None:
    with process("--words", "conf,ruok", "--data-dir", str(tmp_path)) as it:
        told = ask(it.port, b"conf")

        assert f"clientPort={it.port}\n" in told
        assert f"dataDir={tmp_path}\n" in told
        assert "dataDirSize=0\n" not in told
        assert "whitelist" in ask(it.port, b"srvr")


def failed(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Give the one line that tells of an error."""
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    out, error = capsys.readouterr()
    assert code in (1, 2)
    assert out == ""
    assert error.count("\n") == 1
    return error


def test_a_port_in_use_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])

        error = failed("server", "--port", port, capsys=capsys)

    assert error == f"zk: cannot listen on 127.0.0.1:{port}: address already in use\n"


def test_a_folder_in_use_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with process("--data-dir", str(tmp_path)):
        error = failed("server", "--port", "0", "--data-dir", str(tmp_path), capsys=capsys)

    assert error == f"zk: another server is using the folder {tmp_path}\n"


def test_a_folder_that_is_not_there_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = tmp_path / "none"

    error = failed("server", "--port", "0", "--data-dir", str(missing / "data"), capsys=capsys)

    assert error == f"zk: no such folder: {missing}\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "COMMAND"),
        (("nothing",), "invalid choice"),
        (("server", "--port", "x"), "--port"),
        (("server", "--port", "65536"), "65536 is not between 0 and 65535"),
        (("server", "--tick-time", "0"), "0 is not a time"),
        (("server", "--tick-time", "nan"), "nan is not a time"),
        (("server", "--what"), "--what"),
        (("server", "--control", "--no-sync"), "--no-sync does not go with --control"),
        (("server", "--host", "256.256.256.256", "--port", "0"), "cannot listen on"),
    ],
)
def test_bad_options_are_told_in_one_line(
    arguments: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert text in failed(*arguments, capsys=capsys)


def test_help_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["server", "--help"])

    assert ended.value.code == 0
    assert "--data-dir" in capsys.readouterr().out


# Durability


@pytest.mark.parametrize("more", [(), ("--no-sync",)])
def test_a_server_on_a_folder_has_its_data_again(tmp_path: Path, more: tuple[str, ...]) -> None:
    options = ("--data-dir", str(tmp_path), *more)
    with process(*options) as it, WireClient(it.port) as client:
        client.call(ops.Create("/n", b"data"))
        it.end()

    with process(*options) as it, WireClient(it.port) as client:
        assert client.call(ops.Exists("/n")).error == 0
